import { afterEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import type { PresenceChange } from '../../../src/index.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { until } from '../../support/until.js';

const NO_GRACE = { presence: { graceMs: 0 } };

const isVisit = ({ userId }: PresenceChange): boolean => !userId.startsWith('fence');

/** Sorted by type and user, for logs of several instances. */
const inOrder = (changes: readonly PresenceChange[]): PresenceChange[] =>
  changes.toSorted((a, b) => `${a.type} ${a.userId}`.localeCompare(`${b.type} ${b.userId}`));

/** The visible effects of a visit. */
const each = (user: string) => [`online ${user}`, `status ${user} away`, `offline ${user}`];

/** The changes that a subscriber has received so far. */
class Watcher {
  readonly changes: PresenceChange[] = [];
  private readonly subscription: Subscription;

  constructor(presence: PresenceCluster, instance: number, userIds?: Iterable<string | number>) {
    this.subscription = presence
      .service(instance)
      .watch(userIds)
      .subscribe((change) => this.changes.push(change));
  }

  get visits(): PresenceChange[] {
    return this.changes.filter(isVisit);
  }

  get lines(): string[] {
    return this.visits.map(
      ({ type, userId, status }) => `${type} ${userId}${status === null ? '' : ` ${status}`}`,
    );
  }

  stop(): void {
    this.subscription.unsubscribe();
  }
}

describe.each(['Redis', 'memory'] as const)('watching presence in %s', (where) => {
  let presence: PresenceCluster;
  afterEach(() => presence.close());

  const start = async (): Promise<void> => {
    presence = await PresenceCluster.start(where, 2, NO_GRACE);
  };
  const channelOf = (userId: string): string =>
    presenceChannel(presence.cluster.prefix, bucketOf(userId));
  const isSubscribed = (instance: number, ...userIds: string[]): Promise<void> =>
    until(
      () =>
        userIds.every((userId) =>
          presence.cluster.instance(instance).pubSub.isSubscribed(channelOf(userId)),
        ),
      () => `instance ${instance} to be subscribed`,
    );
  /** Waits until earlier messages have reached each instance. */
  const settled = async (...watchers: Watcher[]): Promise<void> => {
    await presence.settled();
    const { changes } = presence.log;
    await until(
      () =>
        watchers.every((watcher) => watcher.changes.some(({ at }) => at === changes.at(-1)?.at)),
      () => 'the last change',
    );
  };
  const visit = async (instance: number, userId: string): Promise<void> => {
    const device = await presence.connect(instance, userId);
    await presence.isOnline(userId, true, 1 - instance);
    await presence.service(1 - instance).setStatus(userId, 'away');
    await device.closed();
    await presence.isOnline(userId, false);
  };

  it('shows each change to every watching instance once, whichever instance reports it', async () => {
    await start();
    const watchers = [new Watcher(presence, 0), new Watcher(presence, 1), new Watcher(presence, 1)];
    await Promise.all([0, 1].map((instance) => isSubscribed(instance, 'alice', 'bob')));
    await visit(0, 'alice');
    await visit(1, 'bob');
    await settled(...watchers);

    for (const watcher of watchers) {
      expect(watcher.lines).toEqual([...each('alice'), ...each('bob')]);
      // The log has the changes of both instances, as each of them learned of its own.
      expect(inOrder(watcher.visits)).toEqual(inOrder(presence.log.changes.filter(isVisit)));
    }
  });

  it('shows only the changes of the requested users', async () => {
    await start();
    // Two users on one channel, and one on another.
    const bucket = bucketOf('alice');
    const twin = Array.from({ length: 5_000 }, (_, index) => `twin-${index}`).find(
      (userId) => bucketOf(userId) === bucket,
    );
    const watcher = new Watcher(presence, 1, ['alice', 42]);
    const all = new Watcher(presence, 1);
    await isSubscribed(1, 'alice', '42', String(twin), 'bob');
    for (const userId of [String(twin), 'alice', 'bob', '42']) await visit(0, userId);
    await settled(all);
    await until(
      () => watcher.lines.length >= 6,
      () => `the changes of two users, got ${watcher.lines.join(', ')}`,
    );

    expect(watcher.lines).toEqual([...each('alice'), ...each('42')]);
    expect(all.lines).toHaveLength(12);
  });

  it('subscribes no channel before the first subscriber, and releases it after the last one', async () => {
    await start();
    const { pubSub } = presence.cluster.instance(0);
    const channel = channelOf('alice');
    presence.service(0).watch(['alice']);
    expect(pubSub.isSubscribed(channel)).toBe(false);
    const first = new Watcher(presence, 0, ['alice']);
    const second = new Watcher(presence, 0, ['alice']);
    await isSubscribed(0, 'alice');
    first.stop();
    await visit(1, 'alice');
    await until(
      () => second.lines.length === 3,
      () => 'the changes of alice',
    );
    expect(first.lines).toEqual([]);
    expect(pubSub.isSubscribed(channel)).toBe(true);
    second.stop();
    await until(
      () => !pubSub.isSubscribed(channel),
      () => 'the channel to be given back',
    );
  });

  it('ignores and counts messages that are no changes', async () => {
    await start();
    const watcher = new Watcher(presence, 0, ['alice']);
    await isSubscribed(0, 'alice');
    const change = { type: 'online', userId: 'alice', status: null, at: 1, instanceId: 'x' };
    const bad = [
      Buffer.from([0xff, 0x00]),
      '',
      'null',
      '[]',
      '"online"',
      '{',
      JSON.stringify({ ...change, type: 'gone' }),
      JSON.stringify({ ...change, userId: 7 }),
      JSON.stringify({ ...change, status: {} }),
      JSON.stringify({ ...change, at: '1' }),
      JSON.stringify({ ...change, instanceId: undefined }),
    ];
    const { pubSub } = presence.cluster.instance(1);
    for (const message of bad) await pubSub.publish(channelOf('alice'), Buffer.from(message));
    const more = JSON.stringify({ ...change, of: 'a later version' });
    await pubSub.publish(channelOf('alice'), Buffer.from(more));
    await until(
      () => watcher.changes.length > 0,
      () => 'the good one',
    );

    expect(watcher.changes).toEqual([change]);
    expect(presence.cluster.instance(0).counts['message.malformed']).toBe(bad.length);
    await visit(1, 'alice');
    await until(
      () => watcher.lines.length === 4,
      () => `the changes of alice, got ${watcher.lines.join(', ')}`,
    );
  });
});
