import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import { PropagatorError } from '../../../../src/errors.js';
import type {
  Beat,
  BeatAnswer,
  PresenceStore,
} from '../../../../src/presence/store/presence-store.js';
import { bucketOf } from '../../../../src/presence/store/presence-buckets.js';
import { PresenceTracker } from '../../../../src/presence/tracker/presence-tracker.js';
import type { PresenceChange } from '../../../../src/presence/store/presence-change.js';
import { InMemoryPubSub } from '../../../../src/redis/in-memory-pub-sub.js';
import { Reporter } from '../../../../src/reporting/reporter.js';
import type { AuthenticatedSocket } from '../../../../src/auth/authenticated-socket.js';
import { SocketStateService } from '../../../../src/auth/socket-state.service.js';
import { Deferred } from '../../../support/deferred.js';
import { MemoryLogger } from '../../../support/memory-logger.js';
import { until } from '../../../support/until.js';
import { presenceOptions } from '../../../support/presence/presence-options.js';

const OPTIONS = presenceOptions({
  graceMs: 0,
  leaseMs: 200,
  lastSeenMs: 0,
  heartbeatIntervalMs: 20,
});
/** The store has its own clock. */
const STORE_NOW = 5_000;
const ONLINE: PresenceChange = {
  type: 'online',
  userId: 'alice',
  status: null,
  at: STORE_NOW,
  instanceId: 'a',
};

/** A store that succeeds in everything unless a test overrides it. */
class YesStore {
  connection = 0;
  readonly calls: string[] = [];
  readonly beats: Beat[] = [];
  beating: () => Promise<void> = async () => {};
  updating: () => Promise<void> = async () => {};
  reporting: () => Promise<void> = async () => {};

  async verify(): Promise<void> {}

  async beat(beat: Beat): Promise<BeatAnswer> {
    this.beats.push(beat);
    await this.beating();
    const end = STORE_NOW + OPTIONS.leaseMs;
    return { state: 'held', now: STORE_NOW, until: end, data: 'data', dead: [] };
  }

  async update() {
    this.calls.push('update');
    await this.updating();
    return { state: 'done', now: STORE_NOW, changes: [ONLINE] };
  }

  async processDue() {
    return { state: 'done', now: STORE_NOW, changes: [], nextAt: undefined };
  }

  async acknowledge(): Promise<void> {
    this.calls.push('acknowledge');
    await this.reporting();
  }

  async resign(): Promise<void> {
    this.calls.push('resign');
  }

  close(): void {}
}

const unavailable = () => Promise.reject(PropagatorError.of('redis.unavailable', ['cut']));

describe('PresenceTracker', () => {
  let store: YesStore;
  let state: SocketStateService;
  let tracker: PresenceTracker;
  let reported: PresenceChange[];
  let listener: Subscription;
  beforeEach(() => {
    store = new YesStore();
    state = new SocketStateService();
    tracker = new PresenceTracker(store as unknown as PresenceStore, 'a', OPTIONS, {
      pubSub: new InMemoryPubSub(),
      state,
      reporter: new Reporter(new MemoryLogger()),
      onResend: () => {},
      onRenewed: () => {},
    });
    reported = [];
    listener = listen();
  });
  afterEach(() => tracker.stop());

  const listen = (): Subscription => tracker.changes$.subscribe((change) => reported.push(change));
  const called = (what: string): Promise<void> =>
    until(
      () => store.calls.includes(what),
      () => `${what}, got ${store.calls.join()}`,
    );
  const connectAlice = (): boolean => state.add('alice', { id: 'a' } as AuthenticatedSocket);
  const beats = async (count: number): Promise<void> => {
    const before = store.beats.length;
    await until(
      () => store.beats.length >= before + count,
      () => 'heartbeats',
    );
  };
  const lastClaim = (): number | undefined => store.beats.at(-1)?.claimUntil;
  const claims = (): Promise<void> =>
    until(
      () => lastClaim() !== 0,
      () => 'it to give up others',
    );

  it('gives up other instances only after a lease without a break, and not after it was frozen', async () => {
    const startedAt = Date.now();
    await tracker.start();
    await claims();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(OPTIONS.leaseMs);
    // For half a lease after the last known time of the store's clock.
    expect(lastClaim()).toBe(STORE_NOW + OPTIONS.leaseMs / 2);

    // Redis stands still: the reply comes late, and the leases of the others may have expired as well.
    const standStill = async (): Promise<void> => {
      const replied = new Deferred();
      store.beating = () => replied.promise;
      await beats(1);
      await sleep(OPTIONS.leaseMs / 2 + 1);
      store.beating = async () => {};
      replied.resolve();
    };
    await until(
      async () => {
        await standStill();
        await beats(1);
        return lastClaim() === 0;
      },
      () => 'it to give up nobody after Redis stood still',
    );
    await claims();

    store.beating = unavailable;
    const before = store.beats.length;
    await until(
      () => store.beats.length > before + 1,
      () => 'a heartbeat after one that failed',
    );
    expect(lastClaim()).toBe(0);
    store.beating = async () => {};
    await claims();
  });

  it('sends no updates on a new connection before its lease is renewed there', async () => {
    await tracker.start();
    expect(tracker.currentLease).toMatchObject({ owner: 'a.0', connection: 0 });
    const answer = new Deferred();
    store.beating = () => answer.promise;
    store.connection++;
    expect(tracker.currentLease).toBeUndefined();
    connectAlice();
    await sleep(3 * OPTIONS.heartbeatIntervalMs);
    expect(store.calls).toEqual([]);

    answer.resolve();
    await until(
      () => store.calls.includes('update'),
      () => 'alice to be told of',
    );
    expect(tracker.currentLease).toMatchObject({ owner: 'a.0', connection: 1 });
    expect(lastClaim()).toBe(0);
  });

  it('does not report a reply that arrives after its lease: another instance may own these changes', async () => {
    await tracker.start();
    const [late, renewed] = [new Deferred(), new Deferred()];
    store.updating = () => late.promise;
    connectAlice();
    await until(
      () => store.calls.includes('update'),
      () => 'alice to be told of',
    );
    // Like a frozen process: nothing is renewed.
    store.beating = () => renewed.promise;
    await sleep(OPTIONS.leaseMs + OPTIONS.heartbeatIntervalMs);
    late.resolve();
    await sleep(OPTIONS.heartbeatIntervalMs);
    expect(reported).toEqual([]);

    renewed.resolve();
    await until(
      () => reported.length > 0,
      () => 'it to be told again, once the lease is renewed',
    );
    expect(reported).toEqual([ONLINE]);
  });

  it('acknowledges its reports before it ends, so that no other instance repeats them', async () => {
    await tracker.start();
    store.reporting = unavailable;
    connectAlice();
    await until(
      () => store.calls.includes('acknowledge'),
      () => 'the change to be confirmed, in vain',
    );
    store.reporting = async () => {};
    store.calls.length = 0;
    await tracker.stop();

    expect(reported).toEqual([ONLINE]);
    expect(store.calls).toEqual(['acknowledge', 'resign']);
  });

  it('updates the store with users who connected just before it stops', async () => {
    await tracker.start();
    connectAlice();
    await tracker.stop();
    expect(store.calls.filter((call) => call !== 'acknowledge')).toEqual(['update', 'resign']);
    expect(reported).toEqual([ONLINE]);
  });

  it('updates the store with users who connected while its last call was on its way', async () => {
    const replied = new Deferred();
    store.updating = () => replied.promise;
    await tracker.start();
    connectAlice();
    await called('update');
    const users = Array.from({ length: 5_000 }, (_, n) => `user ${n}`);
    const inSameBucket = users.find((user) => bucketOf(user) === bucketOf('alice')) ?? '';
    state.add(inSameBucket, { id: 'b' } as AuthenticatedSocket);
    const stopped = tracker.stop();
    replied.resolve();
    await stopped;
    const calls = store.calls.filter((call) => call !== 'acknowledge');
    expect(calls).toEqual(['update', 'update', 'resign']);
  });

  it('updates the store with users who connected before it started', async () => {
    connectAlice();
    await tracker.start();
    await called('acknowledge');
    expect(reported).toEqual([ONLINE]);
  });

  it('keeps changes for an app that is starting until it subscribes', async () => {
    listener.unsubscribe();
    await tracker.start();
    connectAlice();
    await called('update');
    await beats(3);
    expect(store.calls).toEqual(['update']);

    listen();

    await called('acknowledge');
    expect(reported).toEqual([ONLINE]);
  });

  it('drops changes if nobody subscribes', async () => {
    listener.unsubscribe();
    tracker.appStarted();
    await tracker.start();
    connectAlice();
    // An app may subscribe again for the length of a lease.
    await called('acknowledge');
    listen();
    await beats(3);
    expect(reported).toEqual([]);
  });

  it('leaves changes without a subscriber to other instances when it ends', async () => {
    await tracker.start();
    tracker.appStarted();
    tracker.appEnding();
    listener.unsubscribe();
    connectAlice();
    await called('update');
    await tracker.stop();
    expect(store.calls).toEqual(['update', 'resign']);
  });

  it('does not emit waiting changes after its lease: another instance may own them', async () => {
    listener.unsubscribe();
    await tracker.start();
    connectAlice();
    await called('update');
    const renewed = new Deferred();
    store.beating = () => renewed.promise;
    await sleep(OPTIONS.leaseMs + OPTIONS.heartbeatIntervalMs);
    listen();
    await sleep(OPTIONS.heartbeatIntervalMs);
    expect(reported).toEqual([]);

    renewed.resolve();
    await called('acknowledge');
    expect(reported).toEqual([ONLINE]);
  });

  it('tells the store whether the app is subscribed', async () => {
    await tracker.start();
    expect(store.beats.at(-1)?.hasSubscriber).toBe(true);
    listener.unsubscribe();
    await until(
      () => store.beats.at(-1)?.hasSubscriber === false,
      () => 'a heartbeat without a listener',
    );
  });
});
