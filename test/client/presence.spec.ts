import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { watchPresence, type PresenceByUser } from '../../client/presence/index.js';
import type { ClientSocket, Store } from '../../client/src/index.js';
import { PresenceService, type PresenceOptions } from '../../src/index.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';
import { Clients, untilState } from './support/clients.js';
import { PlainServer } from './support/plain-server.js';

@WebSocketGateway()
class RootGateway {}

/** The watches of the clients of an instance. */
interface Watches {
  readonly watches: ReadonlyMap<string, { readonly users: ReadonlyMap<unknown, unknown> }>;
}

const shown = (store: Store<PresenceByUser>): Record<string, string> =>
  Object.fromEntries(
    [...store.get()].map(([userId, { online, status }]) => [
      userId,
      status ?? (online ? 'online' : 'offline'),
    ]),
  );

const textOf = (states: Record<string, string>): string =>
  Object.entries(states)
    .map(([userId, state]) => `${userId} ${state}`)
    .sort()
    .join(', ');

async function untilShown(
  store: Store<PresenceByUser>,
  states: Record<string, string>,
): Promise<void> {
  await until(
    () => textOf(shown(store)) === textOf(states),
    () => `${textOf(states)}, and not ${textOf(shown(store))}`,
  );
}

describe('watchPresence', () => {
  const clients = new Clients();
  let cluster: TestCluster;
  afterEach(async () => {
    clients.close();
    await cluster.close();
  });

  const start = async (presence: PresenceOptions): Promise<void> => {
    cluster = await givenCluster()
      .of(2)
      .with(RootGateway)
      .configured({ presence: { graceMs: 0, ...presence } })
      .start();
  };
  const connect = (user: string, instance: () => number = () => 0): ClientSocket =>
    clients.connect(() => cluster.instance(instance()).url, { getToken: () => user });

  it('shows users of all instances, also after the client has moved to another one', async () => {
    await start({ canWatch: (_, userIds) => userIds.filter((userId) => userId !== 'secret') });
    let instance = 0;
    const socket = connect('watcher', () => instance);
    const store = watchPresence(socket, ['alice', 'bob', 'secret', 42]);
    let calls = 0;
    store.subscribe(() => calls++);
    await untilShown(store, { alice: 'offline', bob: 'offline', 42: 'offline' });
    expect(calls).toBe(1);
    const value = store.get();
    expect(store.get()).toBe(value);
    const alice = connect('alice', () => 1);
    await untilShown(store, { alice: 'online', bob: 'offline', 42: 'offline' });
    await cluster.instance(1).app.get(PresenceService).setStatus('alice', 'away');
    await untilShown(store, { alice: 'away', bob: 'offline', 42: 'offline' });
    instance = 1;
    socket.reconnect();
    await untilState(socket, 'waiting');
    // Seen as it was until the client is back.
    expect(shown(store)).toMatchObject({ alice: 'away' });
    connect('bob', () => 0);
    await untilShown(store, { alice: 'away', bob: 'online', 42: 'offline' });
    alice.end();
    await untilShown(store, { alice: 'offline', bob: 'online', 42: 'offline' });
  });

  it('shares one request between stores, and ends it with the last subscriber', async () => {
    const asked: (readonly string[])[] = [];
    await start({ canWatch: (_, userIds) => asked.push(userIds) > 0 });
    const socket = connect('watcher');
    const [one, two] = [watchPresence(socket, ['alice', 'bob']), watchPresence(socket, ['bob'])];
    const stops = [one.subscribe(() => undefined), two.subscribe(() => undefined)];
    await untilShown(one, { alice: 'offline', bob: 'offline' });
    await untilShown(two, { bob: 'offline' });
    expect(asked).toEqual([['alice', 'bob']]);
    // A store with users that are known has them at once.
    expect(shown(watchPresence(socket, ['alice', 'carol']))).toEqual({ alice: 'offline' });
    const { servers } = cluster.instance(0).app.get<{ servers: { presence: Watches } }>(RUNTIME);
    const { watches } = servers.presence;
    const watched = (): number[] => [...watches.values()].map(({ users }) => users.size);
    expect(watched()).toEqual([2]);
    stops[0]?.();
    stops[0]?.();
    await until(
      () => watched()[0] === 1,
      () => 'one user',
    );
    stops[1]?.();
    await until(
      () => watched()[0] === 0,
      () => 'no user',
    );
    await until(
      () => socket.listeners('propagator:presence').length === 0,
      () => 'no listener',
    );
    expect(socket.listeners('connect')).toHaveLength(1);
  });

  it('watches as many users as the server permits, and nobody if it refuses', async () => {
    await start({ canWatch: ({ userId }) => userId !== 'stranger', maxWatchedUsers: 2 });
    const store = watchPresence(connect('watcher'), ['alice', 'bob', 'carol']);
    store.subscribe(() => undefined);
    await untilShown(store, { alice: 'offline', bob: 'offline' });
    const stranger = connect('stranger');
    const refused = watchPresence(stranger, ['alice']);
    refused.subscribe(() => undefined);
    await until(
      () => cluster.instance(0).counts['presence.watch-refused'] === 1,
      () => 'the refusal',
    );
    await cluster.instance(0).propagator.emitToUser({ userId: 'stranger', event: 'fence' });
    expect(shown(refused)).toEqual({});
  });

  it('asks again after a failure of the app, as often as the server wants', async () => {
    let failures = 0;
    const server = await PlainServer.start();
    await start({});
    try {
      server.io.on('connection', (client) =>
        client.on('propagator:watch', (userIds: string[], ack: (answer: unknown) => void) => {
          if (failures++ < 2) ack({ ok: false, code: 'presence.watch-failed', retryAfterMs: 1 });
          else ack({ ok: true, users: userIds.map((userId) => ({ userId, online: true })) });
        }),
      );
      const store = watchPresence(clients.connect(server.url), ['alice']);
      store.subscribe(() => undefined);
      await untilShown(store, { alice: 'online' });
      expect(failures).toBe(3);
    } finally {
      clients.close();
      await server.close();
    }
  });
});
