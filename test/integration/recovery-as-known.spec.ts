import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import type { AuthOptions } from '../../src/index.js';
import { reconnect } from '../support/lost-connections.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, TOKEN_IS_USER, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class Gateway {
  @WebSocketServer() readonly server!: Server;
}

describe('connection state recovery', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const io = (): Server => cluster.instance(0).app.get(Gateway).server;
  const start = async (auth: AuthOptions | undefined): Promise<void> => {
    cluster = await givenCluster().of(1).with(Gateway).configured({ auth, recovery: {} }).start();
  };
  const connect = async (token?: string): Promise<TestClient> => {
    const client = await cluster.instance(0).connect(token === undefined ? {} : { token });
    io().emit('first');
    await client.waitFor('first');
    client.received.length = 0;
    return client;
  };
  const loseConnection = async (client: TestClient): Promise<void> => {
    client.socket.io.engine.close();
    await until(
      () => io().sockets.sockets.size === 0,
      () => 'the server to notice',
    );
  };
  const replacing: AuthOptions = {
    ...TOKEN_IS_USER,
    authenticate: (token, socket) => {
      socket.data = { from: 'authenticate' };
      return { userId: token };
    },
  };

  it('sends the events that an app emits in io.on("connect") once, after the missed ones', async () => {
    await start(TOKEN_IS_USER);
    io().on('connect', (socket) => {
      socket.emit('hello');
    });
    const client = await connect('alice');

    await loseConnection(client);
    io().emit('missed', 1);
    await reconnect(client);

    await client.waitFor('hello');
    await cluster.settled(client);
    expect(client.socket.recovered).toBe(true);
    expect(client.events).toEqual(['missed', 'hello']);
  });

  it('restores a session whose data object authenticate replaces, and not for another user', async () => {
    await start(replacing);
    const client = await connect('alice');
    const [socket] = io().sockets.sockets.values();
    Object.assign(socket?.data as object, { mine: 1 });
    await socket?.join('lobby');

    await loseConnection(client);
    await reconnect(client);
    const [back] = io().sockets.sockets.values();
    expect(client.socket.recovered).toBe(true);
    expect(back?.rooms.has('lobby')).toBe(true);
    expect(back?.data).toEqual({ from: 'authenticate', mine: 1, userId: 'alice' });

    io().emit('first');
    await client.waitFor('first');
    await loseConnection(client);
    client.socket.auth = { token: 'bob' };
    await reconnect(client);
    const [other] = io().sockets.sockets.values();
    expect(client.socket.recovered).toBe(false);
    expect(other?.recovered).toBe(false);
    expect([...(other?.rooms ?? [])]).toEqual([other?.id]);
    expect(other?.data).toEqual({ from: 'authenticate', userId: 'bob' });
  });

  it('keeps the user id that an app without authentication has stored in its data', async () => {
    await start(undefined);
    const client = await connect();
    const [socket] = io().sockets.sockets.values();
    Object.assign(socket?.data as object, { userId: 'of the app' });

    await loseConnection(client);
    await reconnect(client);

    const [back] = io().sockets.sockets.values();
    expect(back?.recovered).toBe(true);
    expect(back?.data).toEqual({ userId: 'of the app' });
  });
});
