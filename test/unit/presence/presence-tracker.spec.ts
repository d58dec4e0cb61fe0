import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import { PropagatorError } from '../../../src/errors.js';
import type { Beat, BeatAnswer, PresenceStore } from '../../../src/presence/presence-store.js';
import { PresenceTracker } from '../../../src/presence/presence-tracker.js';
import type { PresenceChange } from '../../../src/presence/presence-change.js';
import { InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import type { AuthenticatedSocket } from '../../../src/sockets/authenticated-socket.js';
import { SocketStateService } from '../../../src/sockets/socket-state.service.js';
import { Deferred } from '../../support/deferred.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const OPTIONS = { graceMs: 0, leaseMs: 200, lastSeenMs: 0, heartbeatIntervalMs: 20 };
/** The store has a clock of its own. */
const STORE_NOW = 5_000;
const ONLINE: PresenceChange = {
  type: 'online',
  userId: 'alice',
  status: null,
  at: STORE_NOW,
  instanceId: 'a',
};

/** A store that says yes to everything, unless a test has it say something else. */
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

  async settle() {
    return { state: 'done', now: STORE_NOW, changes: [], nextAt: undefined };
  }

  async reported(): Promise<void> {
    this.calls.push('reported');
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
      onRetold: () => {},
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
  const connectAlice = (): boolean => state.add('alice', {} as AuthenticatedSocket);
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

  it('gives up others only after a lease without a break, and not after a standstill', async () => {
    const startedAt = Date.now();
    await tracker.start();
    await claims();
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(OPTIONS.leaseMs);
    // For half a lease from what it last heard of the store's clock.
    expect(lastClaim()).toBe(STORE_NOW + OPTIONS.leaseMs / 2);

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

  it('says nothing on a new connection before its lease is renewed there', async () => {
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

  it('does not report what it hears after its lease: others may have been handed it', async () => {
    await tracker.start();
    const [late, renewed] = [new Deferred(), new Deferred()];
    store.updating = () => late.promise;
    connectAlice();
    await until(
      () => store.calls.includes('update'),
      () => 'alice to be told of',
    );
    // As in a process that is frozen: nothing is renewed.
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

  it('says what it has before it ends, so that nobody reports it again', async () => {
    await tracker.start();
    store.reporting = unavailable;
    connectAlice();
    await until(
      () => store.calls.includes('reported'),
      () => 'the change to be confirmed, in vain',
    );
    store.reporting = async () => {};
    store.calls.length = 0;
    await tracker.stop();

    expect(reported).toEqual([ONLINE]);
    expect(store.calls).toEqual(['reported', 'resign']);
  });

  it('tells of users who came before it started', async () => {
    connectAlice();
    await tracker.start();
    await called('reported');
    expect(reported).toEqual([ONLINE]);
  });

  it('keeps changes for an app that starts, until somebody listens', async () => {
    listener.unsubscribe();
    await tracker.start();
    connectAlice();
    await called('update');
    await beats(3);
    expect(store.calls).toEqual(['update']);

    listen();

    await called('reported');
    expect(reported).toEqual([ONLINE]);
  });

  it('lets changes pass where nobody listens', async () => {
    listener.unsubscribe();
    tracker.appStarted();
    await tracker.start();
    connectAlice();
    // Somebody may listen anew for as long as a lease.
    await called('reported');
    listen();
    await beats(3);
    expect(reported).toEqual([]);
  });

  it('leaves changes that nobody has heard of to others when it ends', async () => {
    await tracker.start();
    tracker.appStarted();
    tracker.appEnding();
    listener.unsubscribe();
    connectAlice();
    await called('update');
    await tracker.stop();
    expect(store.calls).toEqual(['update', 'resign']);
  });

  it('does not tell what waited once its lease is over: others may have been handed it', async () => {
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
    await called('reported');
    expect(reported).toEqual([ONLINE]);
  });

  it('tells the store whether somebody listens', async () => {
    await tracker.start();
    expect(store.beats.at(-1)?.isHeard).toBe(true);
    listener.unsubscribe();
    await until(
      () => store.beats.at(-1)?.isHeard === false,
      () => 'a heartbeat without a listener',
    );
  });
});
