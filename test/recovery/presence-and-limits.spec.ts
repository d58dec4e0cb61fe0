import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { PresenceService } from '../../src/index.js';
import { bucketOf, presenceChannel } from '../../src/presence/store/presence-buckets.js';
import type { PresenceStore } from '../../src/presence/store/presence-store.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import { Deferred } from '../support/deferred.js';
import { ExternalClient } from '../support/external-client.js';
import { PresenceLog } from '../support/presence-log.js';
import { limitedTo } from '../support/presence/limited-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

/** The watches of the clients of an instance. */
interface Watches {
  readonly watches: ReadonlyMap<
    string,
    { readonly users: ReadonlyMap<unknown, { readonly online: boolean }> }
  >;
}

const bobIs = (online: boolean) => ({ users: [{ userId: 'bob', online, status: null }] });

describe('a client that moves to another instance', () => {
  let stage: MovingUsers;
  afterEach(async () => {
    jest.restoreAllMocks();
    await stage.close();
  });

  it('stays online: no instance reports it offline, and none online again', async () => {
    // Make the grace period longer than the test: a user who leaves is still in it at the end.
    stage = await MovingUsers.start({ options: { presence: { graceMs: 600_000 } } });
    const { cluster } = stage;
    const log = new PresenceLog(...cluster.instances.map(({ app }) => app.get(PresenceService)));
    const external = new ExternalClient();
    const pending = `${presenceChannel(cluster.prefix, bucketOf('alice'))}:pending`;
    const client = await stage.connect('alice');
    await log.reaches(1);

    await stage.move(client, 1, async () => {
      await until(
        async () => (await external.redis.zscore(pending, 'alice')) !== null,
        () => 'the grace period',
      );
    });
    await stage.moveHalfOpen(client, 0);
    await stage.move(client, 1);
    await until(
      async () => (await external.redis.zscore(pending, 'alice')) === null,
      () => 'the end of the grace period',
    );
    await stage.connect('bob');
    await log.reaches(2);

    expect(log.lines).toEqual(['online alice', 'online bob']);
    expect(client.connections).toEqual([false, true, true, true]);
    log.close();
    external.close();
  });

  it('watches users again: the states that had not reached it are in the answer, and no earlier instance watches them', async () => {
    stage = await MovingUsers.start({
      options: { presence: { graceMs: 0, canWatch: () => true } },
    });
    const { cluster, balancer } = stage;
    const alice = await stage.connect('alice');
    const notices: unknown[] = [];
    alice.socket.on('propagator:presence', (notice: unknown) => notices.push(notice));
    const watch = (): Promise<unknown> => alice.socket.emitWithAck('propagator:watch', ['bob']);
    expect(await watch()).toEqual({ ok: true, ...bobIs(false) });
    // The instance writes to a connection that carries nothing.
    balancer.standStill(({ name }) => name === 'alice');
    balancer.sendTo('alice', 1);
    const bob = await stage.connect('bob', 1);
    const { servers } = cluster.instance(0).app.get<{ servers: { presence: Watches } }>(RUNTIME);
    await until(
      () =>
        [...servers.presence.watches.values()].some(
          ({ users: [...users] }) => users[0]?.[1].online,
        ),
      () => 'the notice',
    );
    alice.socket.io.engine.close();
    await alice.connected(2);
    await stage.settled(alice);
    expect([alice.connections, notices]).toEqual([[false, true], []]);
    expect(await watch()).toEqual({ ok: true, ...bobIs(true) });
    expect(servers.presence.watches.size).toBe(0);
    const channel = presenceChannel(cluster.prefix, bucketOf('bob'));
    expect(cluster.instances.map(({ pubSub }) => pubSub.isSubscribed(channel))).toEqual([
      false,
      true,
    ]);
    bob.close();
    await until(
      () => notices.length > 0,
      () => 'bob to be offline',
    );
    expect(notices).toEqual([bobIs(false)]);
  });

  describe.each([
    ['reject-new', 'auth.too-many-sockets', true],
    ['disconnect-oldest', 'connected', false],
  ] as const)('with a limit and %s', (policy, outcome, stays) => {
    it.each(['move', 'moveHalfOpen'] as const)(
      'is one socket, also while the instance where it was still counts it: %s',
      async (how) => {
        const limit = { maxSocketsPerUser: 1, onTooManySockets: policy };
        stage = await MovingUsers.start({ options: limitedTo(limit) });
        const { cluster } = stage;
        const client = await stage.connect('alice');
        const { id } = client.socket;
        const held = new Deferred();
        const store = storeOf(stage, 0);
        const release = store.releaseSocket.bind(store);
        const released = jest.spyOn(store, 'releaseSocket').mockImplementation(async (...args) => {
          await held.promise;
          await release(...args);
        });

        await stage[how](client, 1);
        // Each heartbeat repeats it until the store has answered.
        const ids = released.mock.calls.map(([, , { socketId }]) => socketId);
        expect(new Set(ids)).toEqual(new Set([id]));
        held.resolve();
        await Promise.all(released.mock.results.map(({ value }) => value));
        expect(await stage.settled(client)).toEqual([]);
        expect(client.connections).toEqual([false, true]);
        expect(client.socket.id).toBe(id);

        // The limit holds.
        expect(await attempt(cluster.instance(0))).toBe(outcome);
        await until(
          () => client.socket.connected === stays,
          () => `the connection of the first client to be ${stays}`,
        );
        expect(await stage.settled(stays ? client : await stage.connect('bob'))).toEqual([]);
        expect(client.socket.connected).toBe(stays);
      },
    );
  });
});

function storeOf({ cluster }: MovingUsers, index: number): PresenceStore {
  const { servers } = cluster.instance(index).app.get<Runtime>(RUNTIME);
  const { gate } = servers as unknown as { gate: { deps: { store: PresenceStore } } };
  return gate.deps.store;
}

/** One more socket of the user. Resolves to the code of the refusal, if it is refused. */
async function attempt(instance: TestInstance): Promise<string> {
  try {
    await instance.connect({ token: 'alice' });
    return 'connected';
  } catch (error) {
    return String((error as { data?: { code?: unknown } }).data?.code);
  }
}
