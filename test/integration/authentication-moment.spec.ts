import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayInit,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { type AuthenticatedSocket } from '../../src/index.js';
import { InMemoryPubSub } from '../../src/testing/index.js';
import { connectionsOf } from '../support/connections-of.js';
import { Deferred } from '../support/deferred.js';
import { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const seen: string[] = [];
const seeing = (where: string, { auth, data }: AuthenticatedSocket): void => {
  seen.push(`${where}: ${auth?.userId}, ${data.userId}`);
};

@WebSocketGateway()
class SeeingGateway implements OnGatewayInit<Server>, OnGatewayConnection<AuthenticatedSocket> {
  afterInit(server: Server): void {
    server.use((socket, next) => {
      seeing('middleware', socket as unknown as AuthenticatedSocket);
      next(socket.handshake.auth['token'] === 'banned' ? new Error('You are banned') : undefined);
    });
  }

  handleConnection(client: AuthenticatedSocket): void {
    seeing('handleConnection', client);
  }

  @SubscribeMessage('first')
  first(client: AuthenticatedSocket): boolean {
    seeing('first message', client);
    return true;
  }
}

describe('the moment of authentication', () => {
  let cluster: TestCluster;
  afterEach(async () => {
    seen.length = 0;
    await cluster.close();
  });

  const nobodyIsThere = async (userId: string): Promise<void> => {
    const [first] = cluster.instances;
    expect(first?.state.get(userId)).toEqual([]);
    expect(first?.state.socketCount).toBe(0);
    const nobody = { localSockets: 0, remoteInstances: 0, reached: false };
    const emit = async () => first?.propagator.emitToUser({ userId, event: 'x' });
    // The channel of a client that was refused is given back a moment later.
    await until(
      async () => (await emit())?.reached === false,
      () => `the channel of ${userId} to be given back`,
    );
    expect(await emit()).toEqual(nobody);
  };

  // Nest handles messages before an async `handleConnection` has ended, so authentication has to come before the
  // connection.
  it('is before the app’s middlewares, handleConnection and the first message, however long it takes', async () => {
    const slow = new Deferred();
    cluster = await givenCluster()
      .of(1)
      .with(SeeingGateway)
      .configured({
        auth: {
          authenticate: async (userId) => {
            seen.push('authenticate');
            await slow.promise;
            return { userId };
          },
        },
      })
      .start();
    const client = TestClient.open(cluster.instance(0).url, { token: 'alice' });
    const answer = client.ask('first');
    await until(
      () => seen.length > 0,
      () => 'authenticate to be called',
    );
    expect(seen).toEqual(['authenticate']);

    slow.resolve();

    expect(await answer).toBe(true);
    expect(seen).toEqual([
      'authenticate',
      'middleware: alice, alice',
      'handleConnection: alice, alice',
      'first message: alice, alice',
    ]);
    client.close();
  });

  it('lets the app’s middlewares decide last, and keeps nothing of clients that they refuse', async () => {
    cluster = await givenCluster().of(2).with(SeeingGateway).start();

    expect(await cluster.instance(1).refusal({ token: 'banned' })).toEqual({
      message: 'You are banned',
      data: undefined,
    });

    expect(seen).toEqual(['middleware: banned, banned']);
    await nobodyIsThere('banned');
  });

  it('keeps nothing of a client that disconnects during its authentication', async () => {
    const asked: string[] = [];
    const slow = new Deferred<{ userId: string }>();
    cluster = await givenCluster()
      .of(1)
      .with(SeeingGateway)
      .configured({
        auth: {
          authenticate: (userId) => {
            asked.push(userId);
            return userId === 'alice' ? slow.promise : { userId };
          },
        },
      })
      .start();
    const client = TestClient.open(cluster.instance(0).url, { token: 'alice' });
    await until(
      () => asked.includes('alice'),
      () => 'authenticate to be called',
    );
    client.socket.io.engine.close();
    await until(
      async () => (await connectionsOf(cluster.instance(0))) === 0,
      () => 'the server to notice',
    );

    slow.resolve({ userId: 'alice' });

    // A client that connects later is ready before this check.
    await (await cluster.instance(0).connect({ token: 'bob' })).closed();
    await until(
      () => cluster.instance(0).state.socketCount === 0,
      () => 'bob to be gone',
    );
    await nobodyIsThere('alice');
    expect(seen.filter((line) => line.startsWith('handleConnection: alice'))).toEqual([]);
  });

  it('keeps nothing of a client that disconnects while its channel is subscribed', async () => {
    const subscribing = new Deferred();
    const held: string[] = [];
    class SlowPubSub extends InMemoryPubSub {
      override async subscribe(channel: string): Promise<void> {
        if (channel.endsWith('user:alice')) {
          held.push(channel);
          await subscribing.promise;
        }
        await super.subscribe(channel);
      }
    }
    const pubSub = new SlowPubSub();
    cluster = await givenCluster()
      .of(1)
      .with(SeeingGateway)
      .configured({ redis: undefined, pubSub })
      .start();
    const client = TestClient.open(cluster.instance(0).url, { token: 'alice' });
    await until(
      () => held.length === 1,
      () => 'the channel of alice to be asked for',
    );
    client.socket.io.engine.close();
    await until(
      async () => (await connectionsOf(cluster.instance(0))) === 0,
      () => 'the server to notice',
    );

    subscribing.resolve();

    await (await cluster.instance(0).connect({ token: 'bob' })).closed();
    await until(
      () => cluster.instance(0).state.socketCount === 0,
      () => 'bob to be gone',
    );
    await nobodyIsThere('alice');
    expect(seen.filter((line) => line.startsWith('handleConnection: alice'))).toEqual([]);
  });
});
