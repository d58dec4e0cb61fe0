import type { Provider } from '@nestjs/common';
import { UseInterceptors } from '@nestjs/common';
import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { RedisPropagatorInterceptor, RedisPropagatorService } from '../../src/index.js';
import { quietPort } from '../../scripts/redis/topologies/ports.mjs';
import { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AppPortGateway {
  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return { event: 'answer', data: 'from the port of the app' };
  }
}

/** A gateway with its own port, which Nest needs at class definition. */
function gatewayOnPort(port: number): Provider {
  @UseInterceptors(RedisPropagatorInterceptor)
  @WebSocketGateway(port)
  class OwnPortGateway {
    @WebSocketServer() private readonly server!: Server;

    @SubscribeMessage('ask')
    ask(): WsResponse<string> {
      return { event: 'answer', data: 'from a port of its own' };
    }

    @SubscribeMessage('broadcast')
    broadcast(): void {
      this.server.emit('broadcast', 1);
    }
  }
  return OwnPortGateway;
}

// With a single server reference only the last port would work.
describe('gateways on several ports', () => {
  let cluster: TestCluster;
  const clients: TestClient[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await cluster.close();
  });

  const connect = async (url: string, token?: string): Promise<TestClient> => {
    const client = await TestClient.connect(url, token === undefined ? {} : { token });
    clients.push(client);
    return client;
  };
  const start = async () => {
    const port = await quietPort();
    cluster = await givenCluster().of(1).with(AppPortGateway, gatewayOnPort(port)).start();
    return {
      onAppPort: (token?: string) => connect(cluster.instance(0).url, token),
      onOwnPort: (token?: string) => connect(`http://127.0.0.1:${port}`, token),
      ownPort: `http://127.0.0.1:${port}`,
    };
  };

  it('are all authenticated, and all get every event once', async () => {
    const { onAppPort, onOwnPort, ownPort } = await start();
    await expect(TestClient.connect(ownPort, { token: 'bad' })).rejects.toMatchObject({
      data: { code: 'auth.token-rejected' },
    });
    const alices = [await onAppPort('alice'), await onOwnPort('alice')];
    const bob = await onOwnPort('bob');
    const anonymous = await onOwnPort();
    const { propagator } = cluster.instance(0);
    const worker = await cluster.startWorker();

    expect(await propagator.emitToUser({ userId: 'alice', event: 'user' })).toEqual({
      localSockets: 2,
      remoteInstances: 0,
      reached: true,
    });
    await propagator.emitToAuthenticated({ event: 'authenticated' });
    await worker.get(RedisPropagatorService).emitToAll({ event: 'all' });

    await Promise.all([...alices, bob, anonymous].map((client) => client.waitFor('all')));
    await cluster.settled(...alices, bob, anonymous);
    for (const alice of alices) expect(alice.events).toEqual(['user', 'authenticated', 'all']);
    expect(bob.events).toEqual(['authenticated', 'all']);
    expect(anonymous.events).toEqual(['all']);
  });

  it('send a user’s events to the user’s sockets on the other ports', async () => {
    const { onAppPort, onOwnPort } = await start();
    const [app, own] = [await onAppPort('alice'), await onOwnPort('alice')];

    app.emit('ask');
    await app.waitFor('answer');
    own.emit('ask');
    await own.waitFor('answer', 2);
    own.emit('broadcast');
    await own.waitFor('broadcast');

    await cluster.settled(app, own);
    for (const client of [app, own]) {
      expect(client.data('answer')).toEqual(['from the port of the app', 'from a port of its own']);
      expect(client.data('broadcast')).toEqual([1]);
    }
  });
});
