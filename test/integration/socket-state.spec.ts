import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';
import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SocketStateService, type AuthenticatedSocket } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

const seen: string[] = [];

@Injectable()
class Seeing implements OnGatewayConnection, OnGatewayDisconnect {
  constructor(protected readonly state: SocketStateService) {}

  handleConnection(client: AuthenticatedSocket): void {
    this.see('connected', client);
  }

  handleDisconnect(client: AuthenticatedSocket): void {
    this.see('disconnected', client);
  }

  private see(what: string, client: AuthenticatedSocket): void {
    const sockets = this.state.get(client.data.userId ?? '');
    seen.push(`${this.constructor.name} ${what}: ${sockets.includes(client)} of ${sockets.length}`);
  }
}

@WebSocketGateway()
class FirstGateway extends Seeing {
  @SubscribeMessage('log out')
  logOut(client: AuthenticatedSocket): boolean {
    client.auth = null;
    return true;
  }

  @SubscribeMessage('listen')
  listen(client: AuthenticatedSocket): boolean {
    client.on('disconnect', () => seen.push('listener of the app'));
    return true;
  }

  @SubscribeMessage('remove all listeners')
  removeAll(client: AuthenticatedSocket): boolean {
    client.removeAllListeners('disconnect');
    client.removeAllListeners('disconnecting');
    return true;
  }
}

@WebSocketGateway()
class SecondGateway extends Seeing {}

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

function idsOf(sockets: readonly AuthenticatedSocket[]): string[] {
  return sockets.map(({ id }) => id).sort();
}

function goneFrom(instance: TestInstance): Promise<void> {
  return until(
    () => instance.state.socketCount === 0,
    () => 'the sockets to be gone',
  );
}

describe('SocketStateService', () => {
  let cluster: TestCluster;
  const start = async (): Promise<TestInstance> => {
    cluster = await givenCluster().of(1).with(FirstGateway, SecondGateway, ChatGateway).start();
    return cluster.instance(0);
  };
  afterEach(async () => {
    seen.length = 0;
    await cluster.close();
  });

  // Nest binds listeners once per gateway; removing all listeners or clearing `socket.auth` must not break the
  // state.
  it('has a socket once, from handleConnection through handleDisconnect, with two gateways', async () => {
    const instance = await start();
    const client = await instance.connect({ token: 'alice' });
    await client.ask('listen');
    expect(instance.state.socketCount).toBe(1);

    await client.closed();
    await goneFrom(instance);

    // Nest decides which of two gateways is first.
    expect(seen.slice(0, 2).sort()).toEqual([
      'FirstGateway connected: true of 1',
      'SecondGateway connected: true of 1',
    ]);
    expect(seen.slice(2).sort()).toEqual([
      'FirstGateway disconnected: true of 1',
      'SecondGateway disconnected: true of 1',
      'listener of the app',
    ]);
    expect(instance.state.get('alice')).toEqual([]);
  });

  // Logout clears `socket.auth`, so the state must not read it at the disconnect.
  it('removes a socket whose user logged out meanwhile', async () => {
    const instance = await start();
    const client = await instance.connect({ token: 'alice' });
    await client.ask('log out');

    await client.closed();
    await goneFrom(instance);

    expect(instance.state.userCount).toBe(0);
    await until(
      async () => {
        const receipt = await instance.propagator.emitToUser({ userId: 'alice', event: 'x' });
        return receipt.reached === false;
      },
      () => 'the channel of the user to be given back',
    );
  });

  // The state must not depend on a listener that the app can remove.
  it('removes a socket whose listeners the app removed', async () => {
    const instance = await start();
    const client = await instance.connect({ token: 'alice' });
    await client.ask('remove all listeners');

    await client.closed();
    await goneFrom(instance);

    expect(instance.state.getAll()).toEqual([]);
  });

  it('lists the sockets of a user in all namespaces, and of all users as one list', async () => {
    const instance = await start();
    const clients = [
      await instance.connect({ token: 'alice' }),
      await instance.connect({ token: 'alice', namespace: '/chat' }),
      await instance.connect({ token: 'bob' }),
    ];
    await instance.connect();

    const [root = '', chat = '', bob = ''] = clients.map(({ id }) => id);
    expect(idsOf(instance.state.get('alice'))).toEqual([root, chat].sort());
    expect(idsOf(instance.state.getAll())).toEqual([root, chat, bob].sort());
    expect([instance.state.userCount, instance.state.socketCount]).toEqual([2, 3]);
  });

  it('reports the first socket of a user and the last one, and none between', async () => {
    const instance = await start();
    const changes: unknown[] = [];
    instance.state.changes$.subscribe((change) => changes.push(change));

    const clients = [
      await instance.connect({ token: 'alice' }),
      await instance.connect({ token: 'alice' }),
      await instance.connect(),
    ];
    for (const client of clients) await client.closed();
    await goneFrom(instance);

    expect(changes).toEqual([
      { type: 'first-socket', userId: 'alice' },
      { type: 'last-socket', userId: 'alice' },
    ]);
  });
});
