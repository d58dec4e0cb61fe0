import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import type { AuthenticatedSocket } from '../../src/index.js';
import { reconnect, loseConnection } from '../support/lost-connections.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../support/test-cluster.js';

@WebSocketGateway()
class RecoveringGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('who am I')
  whoAmI(client: AuthenticatedSocket): unknown {
    return { auth: client.auth, userId: client.data.userId, recovered: client.recovered };
  }

  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.join(room);
    return true;
  }
}

describe('with connection state recovery', () => {
  let cluster: TestCluster;
  const asked: string[] = [];
  afterEach(async () => {
    asked.length = 0;
    await cluster.close();
  });

  const start = async (): Promise<void> => {
    cluster = await givenCluster()
      .of(2)
      .with(RecoveringGateway)
      .configured({
        recovery: {},
        auth: {
          authenticate: (token, socket) => {
            asked.push(token);
            return TOKEN_IS_USER.authenticate(token, socket);
          },
        },
      })
      .start();
  };

  it('a recovered socket is authenticated again and gets its user’s events, the missed ones first', async () => {
    await start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const alice = await a.connect({ token: 'alice' });
    await alice.ask('join', 'lobby');
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 2 });
    await alice.waitFor('x', 2);
    const { id } = alice;

    await loseConnection(alice, cluster.instance(0));
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'missed' });
    await a.propagator.emitToUser({ userId: 'bob', event: 'x', data: 'not for alice' });
    a.app.get(RecoveringGateway).server.to('lobby').emit('x', 'missed, too');
    await reconnect(alice);

    expect(alice.id).toBe(id);
    expect(await alice.ask('who am I')).toEqual({
      auth: { userId: 'alice', sessionId: expect.any(String) },
      userId: 'alice',
      recovered: true,
    });
    expect(asked).toEqual(['alice', 'alice']);
    expect(await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 3 })).toEqual({
      localSockets: 0,
      remoteInstances: 1,
      reached: true,
    });
    b.app.get(RecoveringGateway).server.to('lobby').emit('x', 4);
    await cluster.settled(alice);
    expect(alice.data('x')).toEqual([1, 2, 'missed', 'missed, too', 3, 4]);
    expect(a.state.get('alice')).toHaveLength(1);
    expect(a.counts).toEqual({});
  });

  it('a socket whose token has expired meanwhile is refused, and gets no missed event', async () => {
    await start();
    const [a] = cluster.instances;
    const alice = (await a?.connect({ token: 'alice' })) as TestClient;
    await a?.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    await alice.waitFor('x');
    const packets: unknown[] = [];

    await loseConnection(alice, cluster.instance(0));
    await a?.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'missed' });
    alice.socket.auth = { token: 'bad' };
    alice.socket.io.on('open', () => {
      alice.socket.io.engine.on('packet', ({ data }: { data?: unknown }) => packets.push(data));
    });
    await expect(reconnect(alice)).rejects.toMatchObject({ data: { code: 'auth.token-rejected' } });

    expect(alice.data('x')).toEqual([1]);
    expect(packets.filter((data) => String(data).includes('missed'))).toEqual([]);
    expect(a?.state.socketCount).toBe(0);
  });

  it('a socket that reconnects as another user gets no event of the previous one', async () => {
    await start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const client = await a.connect({ token: 'alice' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    await client.waitFor('x');

    await loseConnection(client, cluster.instance(0));
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'for alice' });
    client.socket.auth = { token: 'bob' };
    await reconnect(client);

    expect(await client.ask('who am I')).toMatchObject({ auth: { userId: 'bob' }, userId: 'bob' });
    await b.propagator.emitToUser({ userId: 'alice', event: 'x', data: 'for alice, too' });
    await b.propagator.emitToUser({ userId: 'bob', event: 'x', data: 'for bob' });
    await cluster.settled(client);
    expect(client.data('x')).toEqual([1, 'for bob']);
  });
});
