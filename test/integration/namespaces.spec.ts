import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { RedisPropagatorInterceptor, type AuthenticatedSocket } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {
  @SubscribeMessage('say')
  say(): WsResponse<string> {
    return { event: 'said', data: 'hello' };
  }

  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return client.auth;
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
class SecondChatGateway {
  @SubscribeMessage('shout')
  shout(): WsResponse<string> {
    return { event: 'shouted', data: 'HELLO' };
  }
}

@WebSocketGateway({ namespace: 'chat' })
class ThirdChatGateway {}

@WebSocketGateway()
class RootGateway {
  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return client.auth;
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
class TenantGateway {
  @SubscribeMessage('say')
  say(): WsResponse<string> {
    return { event: 'said', data: 'hello' };
  }

  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return client.auth;
  }
}

describe('gateways in namespaces', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  // A namespaced gateway must not create a second server on the port.
  it('share the port of the app, without a gateway on the root', async () => {
    cluster = await givenCluster().of(2).with(ChatGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster, {
      namespace: '/chat',
    });

    origin.emit('say');

    await origin.waitFor('said');
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) expect(client.data('said')).toEqual(['hello']);
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
  });

  // Nest calls `bindClientConnect` once per gateway: sockets registered once per gateway would get events twice.
  it('send each event once, however many gateways a namespace has', async () => {
    cluster = await givenCluster()
      .of(2)
      .with(ChatGateway, SecondChatGateway, ThirdChatGateway)
      .start();
    const { origin, others, everybody } = await connectSampleClients(cluster, {
      namespace: '/chat',
    });
    const { propagator } = cluster.instance(1);

    origin.emit('say');
    origin.emit('shout');
    await origin.waitFor('said');
    await origin.waitFor('shouted');
    const receipt = await propagator.emitToUser({
      namespace: '/chat',
      userId: 'alice',
      event: 'x',
    });

    expect(receipt).toEqual({ localSockets: 1, remoteInstances: 1, reached: true });
    expect(cluster.instances.map(({ state }) => state.socketCount)).toEqual([3, 2]);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) {
      expect(client.events.sort()).toEqual(['said', 'shouted', 'x']);
    }
  });

  // A middleware of the root namespace does not protect other namespaces.
  it.each(['/', '/chat', '/tenant-7'])('are authenticated: %s', async (namespace) => {
    cluster = await givenCluster().of(1).with(RootGateway, ChatGateway, TenantGateway).start();
    const instance = cluster.instance(0);

    expect(await instance.refusal({ namespace, token: 'bad' })).toEqual({
      message: 'Authentication failed',
      data: { code: 'auth.token-rejected' },
    });
    const alice = await instance.connect({ namespace, token: 'alice' });
    const anonymous = await instance.connect({ namespace });

    expect(await alice.ask('who am I')).toMatchObject({ userId: 'alice' });
    expect(await anonymous.ask('who am I')).toBeNull();
    expect(instance.state.socketCount).toBe(1);
  });

  // Dynamic namespaces need the authentication, too.
  it('created for the name a client gives send events to that name only', async () => {
    cluster = await givenCluster().of(2).with(TenantGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const alice = { token: 'alice' };
    const one = [
      await a.connect({ ...alice, namespace: '/tenant-1' }),
      await b.connect({ ...alice, namespace: '/tenant-1' }),
    ];
    const two = [
      await a.connect({ ...alice, namespace: '/tenant-2' }),
      await b.connect({ ...alice, namespace: '/tenant-2' }),
    ];

    one[0]?.emit('say');
    await one[0]?.waitFor('said');
    await b.propagator.emitToAll({ namespace: '/tenant-2', event: 'x', data: 2 });
    await a.propagator.emitToAuthenticated({ namespace: 'tenant-1', event: 'x', data: 1 });

    await cluster.settled(...one, ...two);
    for (const client of one) {
      expect(client.data('said')).toEqual(['hello']);
      expect(client.data('x')).toEqual([1]);
    }
    for (const client of two) expect(client.received).toEqual([{ event: 'x', args: [2] }]);
  });

  it('do not exist for clients that request another name', async () => {
    cluster = await givenCluster().of(1).with(ChatGateway, TenantGateway).start();
    for (const namespace of ['/nothing', '/tenant-x', '/CHAT']) {
      expect(await cluster.instance(0).refusal({ namespace, token: 'alice' })).toEqual({
        message: 'Invalid namespace',
        data: undefined,
      });
    }
  });
});
