import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import type {
  AuthenticatedSocket,
  PresenceChange,
  PresenceNotice,
  PresenceWatchResult,
} from '../../../src/index.js';
import { Channels } from '../../../src/channels/channels.js';
import { ClientWatches } from '../../../src/presence/client-watches.js';
import { PresenceWatch } from '../../../src/presence/presence-watch.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import type { UserPresence } from '../../../src/presence/store/presence-store.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { Deferred } from '../../support/deferred.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const LEASE_MS = 5_000;

/** A transport that reports interruptions. */
class InterruptedPubSub extends InMemoryPubSub {
  interrupt: (isInterrupted: (channel: string) => boolean) => void = () => undefined;

  onInterruption(listener: (isInterrupted: (channel: string) => boolean) => void): () => void {
    this.interrupt = listener;
    return () => undefined;
  }
}

class FakeSocket extends EventEmitter {
  connected = true;
  auth: unknown = { userId: 'watcher', sessionId: 'one' };
  readonly conn = {};
  readonly notices: PresenceNotice['users'][] = [];
  readonly ended: PresenceNotice['ended'][] = [];

  constructor(readonly id: string) {
    super();
  }

  override emit(event: string, ...args: unknown[]): boolean {
    if (event !== 'propagator:presence') return super.emit(event, ...args);
    const { users, ended } = args[0] as PresenceNotice;
    if (ended === undefined) this.notices.push(users);
    else this.ended.push(ended);
    return true;
  }

  watch(...userIds: string[]): Promise<PresenceWatchResult> {
    return new Promise((resolve) => this.emit('propagator:watch', userIds, resolve));
  }
}

const channelOf = (userId: string): string => presenceChannel('app', bucketOf(userId));
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);

/** Whether an answer of a limit of ten users is a right one to a request that may be nonsense. */
const isRight = (answer: PresenceWatchResult): boolean =>
  answer.ok ? answer.users.length <= 10 : answer.code === 'presence.watch-invalid';

describe('ClientWatches', () => {
  let pubSub: InterruptedPubSub;
  let sharedChannels: Channels;
  let watches: ClientWatches;
  let online: Set<string>;
  let reads: string[][];
  let failure: Error | undefined;
  let hasExpired: boolean;
  let reporter: Reporter;
  let canWatch: () => boolean | Promise<boolean>;

  beforeEach(async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
    pubSub = new InterruptedPubSub();
    await pubSub.connect();
    reporter = new Reporter(new MemoryLogger());
    sharedChannels = new Channels(pubSub, reporter);
    online = new Set();
    reads = [];
    failure = undefined;
    hasExpired = false;
    canWatch = () => true;
    const read = async (_: number, userIds: readonly string[]): Promise<UserPresence[]> => {
      reads.push([...userIds]);
      if (failure !== undefined) throw failure;
      return userIds.map((id) => ({ online: online.has(id), status: null, lastSeen: null }));
    };
    watches = new ClientWatches(
      { canWatch: () => canWatch(), maxWatchedUsers: 10 },
      {
        reporter,
        refusals: { add: () => 'first' },
        hasExpired: () => hasExpired,
        nameBytes: 100,
      },
      {
        store: { read },
        watch: new PresenceWatch(sharedChannels, 'app', reporter),
        sharedChannels,
        pubSub,
        reporter,
        prefix: 'app',
        leaseMs: LEASE_MS,
      },
    );
  });
  afterEach(() => {
    watches.close();
    jest.useRealTimers();
  });

  const connect = (id: string): FakeSocket => {
    const socket = new FakeSocket(id);
    watches.listen(socket as unknown as AuthenticatedSocket);
    return socket;
  };
  const change = async (
    userId: string,
    type: PresenceChange['type'],
    status: string | null = null,
  ) => {
    const text = JSON.stringify({ type, userId, status, at: 1, instanceId: 'x' });
    await pubSub.publish(channelOf(userId), Buffer.from(text));
  };

  it('sends the last state of several changes, in one notice for all users', async () => {
    const socket = connect('a');
    await socket.watch('alice', 'bob', 'carol');
    for (const status of ['one', 'two', 'three']) await change('alice', 'status', status);
    await change('bob', 'online');
    await change('carol', 'online');
    await change('carol', 'offline');
    expect(socket.notices).toEqual([]);
    await pass(250);
    expect(socket.notices).toEqual([
      [
        { userId: 'alice', online: true, status: 'three' },
        { userId: 'bob', online: true, status: null },
      ],
    ]);
    await pass(60_000);
    expect(socket.notices).toHaveLength(1);
  });

  it('reads a user once for all clients', async () => {
    const sockets = Array.from({ length: 1_200 }, (_, i) => connect(`socket-${i}`));
    await Promise.all(sockets.map((socket) => socket.watch('alice')));
    expect(reads).toEqual([['alice']]);
    await change('alice', 'online');
    // In three turns of the event loop.
    for (const ms of [250, 1, 1, 1]) await pass(ms);
    const told = [[{ userId: 'alice', online: true, status: null }]];
    expect(sockets.every(({ notices }) => JSON.stringify(notices) === JSON.stringify(told))).toBe(
      true,
    );
    for (const { id } of sockets) watches.left(id);
    expect(pubSub.isSubscribed(channelOf('alice'))).toBe(false);
  });

  it('reads again what could not be read, and tells the client then', async () => {
    failure = new Error('down');
    const socket = connect('a');
    expect(await socket.watch('alice')).toEqual({ ok: true, users: [] });
    await pass(3_000);
    expect(socket.notices).toEqual([]);
    failure = undefined;
    await pass(1_250);
    expect(socket.notices).toEqual([[{ userId: 'alice', online: false, status: null }]]);
    expect(reads).toHaveLength(5);
  });

  it('reads again after an interruption, and believes that a user is offline when all are restored', async () => {
    online = new Set(['alice', 'bob']);
    const socket = connect('a');
    await socket.watch('alice', 'bob', 'carol');
    online = new Set(['carol']);
    pubSub.interrupt((channel) => channel !== channelOf('bob'));
    await pass(1_250);
    expect(socket.notices).toEqual([[{ userId: 'carol', online: true, status: null }]]);
    online.add('alice');
    await pass(LEASE_MS);
    expect(socket.notices.slice(1)).toEqual([[{ userId: 'bob', online: false, status: null }]]);
    expect(reads.flat().filter((userId) => userId === 'alice')).toHaveLength(3);
  });

  it('does the same when the store has lost its data', async () => {
    online = new Set(['alice']);
    const socket = connect('a');
    await socket.watch('alice');
    online.clear();
    watches.lost();
    await pass(LEASE_MS - 1);
    expect(socket.notices).toEqual([]);
    await pass(251);
    expect(socket.notices).toEqual([[{ userId: 'alice', online: false, status: null }]]);
  });

  it.each<[string, (socket: FakeSocket) => void]>([
    ['its identity has expired', () => (hasExpired = true)],
    ['the app has taken its identity', (socket) => (socket.auth = undefined)],
    ['it has the identity of another user', (socket) => (socket.auth = { userId: 'other' })],
    ['it is disconnected', (socket) => (socket.connected = false)],
  ])('stops when %s, and tells a client that is there', async (_, happen) => {
    const socket = connect('a');
    await socket.watch('alice');
    happen(socket);
    await change('alice', 'online');
    await pass(250);
    expect(socket.notices).toEqual([]);
    expect(socket.ended).toEqual(socket.connected ? ['presence.watch-refused'] : []);
    expect(reporter.counts()['presence.watch-refused']).toBe(socket.connected ? 1 : undefined);
    expect(pubSub.isSubscribed(channelOf('alice'))).toBe(false);
    await change('alice', 'offline');
    await pass(250);
    expect(socket.ended).toHaveLength(socket.connected ? 1 : 0);
  });

  it('leaves out ids that no user can have, and counts them', async () => {
    const socket = connect('a');
    const impossible = ['', 'x'.repeat(101), '\ud800', 1e300];
    const answer = await socket.watch(...(impossible as string[]), 'alice');
    expect(answer).toEqual({ ok: true, users: [{ userId: 'alice', online: false, status: null }] });
    expect(reads).toEqual([['alice']]);
    expect(reporter.counts()).toEqual({ 'presence.watch-invalid': 1 });
  });

  it('releases everything if the client leaves, or loses its identity, while the app is asked', async () => {
    for (const leaves of [true, false]) {
      const permission = new Deferred<boolean>();
      canWatch = () => permission.promise;
      const socket = connect(`socket-${leaves}`);
      const answers: unknown[] = [];
      socket.emit('propagator:watch', ['alice'], (answer: unknown) => answers.push(answer));
      if (leaves) {
        socket.connected = false;
        watches.left(socket.id);
      } else socket.auth = null;
      permission.resolve(true);
      await pass(0);
      expect(answers).toEqual(leaves ? [] : [{ ok: false, code: 'presence.watch-refused' }]);
      expect(pubSub.isSubscribed(channelOf('alice'))).toBe(false);
    }
  });

  it('refuses a request before the last one is answered, and more than ten at once', async () => {
    const socket = connect('a');
    const permission = new Deferred<boolean>();
    canWatch = () => permission.promise;
    const first = socket.watch('alice');
    const tooOften = { ok: false, code: 'presence.watch-too-often' };
    expect(await socket.watch('bob')).toEqual({ ...tooOften, retryAfterMs: 500 });
    permission.resolve(true);
    expect(await first).toMatchObject({ ok: true });
    for (let i = 1; i < 10; i++) expect(await socket.watch('alice')).toMatchObject({ ok: true });
    expect(await socket.watch('alice')).toEqual({ ...tooOften, retryAfterMs: 500 });
    await pass(500);
    expect(await socket.watch('alice')).toMatchObject({ ok: true });
  });

  it('answers whatever a client sends with a result, and keeps nothing of it', async () => {
    const userId = fc.oneof(fc.string(), fc.jsonValue(), fc.constantFrom('__proto__', 'alice', 42));
    let id = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.array(userId, { maxLength: 12 }), fc.jsonValue()), { maxLength: 3 }),
        fc.boolean(),
        async (args, wantsAnswer) => {
          const socket = connect(`socket-${id++}`);
          const answers: PresenceWatchResult[] = [];
          const ack = (answer: PresenceWatchResult): unknown => answers.push(answer);
          socket.emit('propagator:watch', ...args, ...(wantsAnswer ? [ack] : []));
          await pass(1);
          expect(answers).toHaveLength(wantsAnswer ? 1 : 0);
          expect(answers.filter((answer) => !isRight(answer))).toEqual([]);
          watches.left(socket.id);
          expect(sharedChannels.size).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('lets go of the users of before if the socket has the identity of another user while the app is asked', async () => {
    const socket = connect('a');
    await socket.watch('alice');
    const permission = new Deferred<boolean>();
    canWatch = () => permission.promise;
    const answer = socket.watch('alice', 'bob');
    socket.auth = { userId: 'other' };
    permission.resolve(true);
    expect(await answer).toEqual({
      ok: false,
      code: 'presence.watch-refused',
      retryAfterMs: 500,
    });
    expect(pubSub.isSubscribed(channelOf('alice'))).toBe(false);
    expect(reporter.counts()).toEqual({ 'presence.watch-refused': 1 });
    expect(await socket.watch('alice')).toMatchObject({ ok: true });
  });

  it('says nothing of a request that is processed when its client has left', async () => {
    const socket = connect('a');
    socket.connected = false;
    socket.emit('propagator:watch', ['alice'], () => expect('an answer').toBeUndefined());
    await pass(1);
    expect(reporter.counts()).toEqual({});
  });

  it('holds nothing for a request that comes, or is permitted, after it was closed', async () => {
    const permission = new Deferred<boolean>();
    canWatch = () => permission.promise;
    const answers: unknown[] = [];
    const [before, after] = [connect('a'), connect('b')];
    before.emit('propagator:watch', ['alice'], (answer: unknown) => answers.push(answer));
    watches.close();
    permission.resolve(true);
    after.emit('propagator:watch', ['alice'], (answer: unknown) => answers.push(answer));
    await pass(10_000);
    expect(answers).toEqual([]);
    expect([sharedChannels.size, jest.getTimerCount()]).toEqual([0, 0]);
    expect(reporter.counts()).toEqual({});
  });

  it('is closed with everything', async () => {
    const socket = connect('a');
    await socket.watch('alice');
    pubSub.interrupt(() => true);
    await change('alice', 'online');
    await pass(1);
    expect(jest.getTimerCount()).toBeGreaterThan(1);
    watches.close();
    expect(jest.getTimerCount()).toBe(0);
    expect(pubSub.isSubscribed(channelOf('alice'))).toBe(false);
    await pass(60_000);
    expect(socket.notices).toEqual([]);
  });
});
