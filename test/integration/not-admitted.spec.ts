import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Namespace, Server, ServerOptions, Socket } from 'socket.io';
import { SocketStateAdapter, type AuthenticatedSocket } from '../../src/index.js';
import { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const KIND = 'connection.not-admitted';

@WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
class TenantGateway implements OnGatewayConnection {
  readonly handled: string[] = [];

  handleConnection(client: Socket): void {
    // Code of an app that runs for every socket without a check.
    Object.assign(client, { admitted: true, auth: { userId: 'alice', sessionId: 's' } });
    void client.join('everybody');
    client.emit('welcome', 'secret');
  }

  @SubscribeMessage('read')
  read(client: AuthenticatedSocket): string {
    this.handled.push(client.id);
    return 'secret';
  }
}

@WebSocketGateway()
class RootGateway {}

/** Private members of a Socket.IO namespace. */
interface Middlewares {
  _fns: unknown[];
}

/** Like Socket.IO 4.7 with dynamic namespaces. */
function withoutMiddlewares(server: Server): Server {
  server.on('new_namespace', (nsp: Namespace) => {
    (nsp as unknown as Middlewares)._fns = [];
  });
  return server;
}

class LosingAdapter extends SocketStateAdapter {
  override createIOServer(port: number, options?: ServerOptions): Server {
    return withoutMiddlewares(super.createIOServer(port, options));
  }
}

describe('a socket that bypasses the authentication', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());
  const start = async (required: boolean): Promise<void> => {
    cluster = await givenCluster()
      .of(1)
      .with(TenantGateway, RootGateway)
      .configured({ auth: { authenticate: (token) => ({ userId: token }), required } })
      .prepared((app) => app.useWebSocketAdapter(new LosingAdapter(app)))
      .start();
  };
  const intruder = async (token?: string): Promise<TestClient> => {
    const client = TestClient.open(cluster.instance(0).url, {
      namespace: '/tenant-1',
      ...(token !== undefined && { token }),
    });
    cluster.instance(0).clients.push(client);
    client.emit('read');
    await until(
      () => cluster.instance(0).counts[KIND] === 1 && !client.socket.connected,
      () => 'the intruder to be ended',
    );
    return client;
  };

  it.each([
    ['without a token', undefined],
    ['with a token that nobody looked at', 'mallory'],
  ])(
    'is disconnected %s, gets no event, reaches no handler, and is reported once',
    async (_how, token) => {
      await start(true);
      const instance = cluster.instance(0);
      const client = await intruder(token);

      await instance.propagator.emitToAll({ namespace: '/tenant-1', event: 'x' });
      await instance.propagator.emitToRoom({
        namespace: '/tenant-1',
        room: 'everybody',
        event: 'x',
      });
      await instance.propagator.emitToUser({ namespace: '/tenant-1', userId: 'alice', event: 'x' });
      await instance.served(await instance.connect({ token: 'bob' }));

      expect(client.received).toEqual([]);
      expect(instance.app.get(TenantGateway).handled).toEqual([]);
      expect(instance.state.socketCount).toBe(1);
      expect(cluster.logger.matching(/^warn connection\.not-admitted/)).toEqual([
        expect.stringMatching(
          /socket [\w-]+ of namespace "\/tenant-1" got past .* Update socket\.io to 4\.8/,
        ),
      ]);
    },
  );

  it('is disconnected even if anonymous sockets are allowed', async () => {
    await start(false);
    const client = await intruder();
    expect(client.received).toEqual([]);
    expect(cluster.instance(0).counts).toEqual({ [KIND]: 1 });
  });
});
