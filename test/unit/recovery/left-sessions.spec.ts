import { createSecretKey } from 'node:crypto';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { pack, unpack } from '../../../src/recovery/left-format.js';
import { LeftSessions, type LeavingSession } from '../../../src/recovery/left-sessions.js';
import type { MissedEvent } from '../../../src/recovery/session.js';
import type { SessionStore } from '../../../src/recovery/session-store.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { Seal } from '../../../src/wire/seal.js';
import { MemoryLogger } from '../../support/memory-logger.js';

class MemoryStore implements SessionStore {
  readonly texts = new Map<string, string>();
  reads = 0;

  async put(name: string, text: string, _keptMs?: number): Promise<void> {
    this.texts.set(name, text);
  }

  async take(name: string): Promise<string | undefined> {
    const text = this.texts.get(name);
    this.texts.delete(name);
    return text;
  }

  async read(name: string): Promise<string | undefined> {
    this.reads++;
    return this.texts.get(name);
  }

  close(): void {
    this.texts.clear();
  }
}

const FROM = '0123456789abcdef';
const HEARD = { origins: [] };
const events = Array.from({ length: 2_500 }, (_, i): MissedEvent => {
  const offset = String(i).padStart(19, '0');
  return {
    offset,
    key: `${offset} room`,
    compress: true,
    at: 0,
    frames: Buffer.from(`event ${i}`),
  };
});

const timeless = (event: MissedEvent) => ({ ...event, at: 0 });

const packed = (header: string) =>
  Buffer.concat([Buffer.from([0, 0, 0, header.length]), Buffer.from(header)]);

function leaving(pid: string, missed: readonly MissedEvent[], data: unknown = {}): LeavingSession {
  const session = { rooms: ['room'], data, custom: false, base: 'base', upTo: '', events: missed };
  return { pid, sid: `sid of ${pid}`, namespace: '/', session, leftMs: 60_000 };
}

describe('sessions of an instance that ends', () => {
  let store: MemoryStore;
  let reporter: Reporter;
  beforeEach(() => {
    jest.restoreAllMocks();
    store = new MemoryStore();
    reporter = new Reporter(new MemoryLogger());
  });

  const sessions = (secret = 'secret', maxBytes = 1024 * 1024, keptMs = 60_000): LeftSessions =>
    new LeftSessions({
      store,
      seal: secret === '' ? undefined : new Seal([createSecretKey(Buffer.from(secret))]),
      reporter,
      instanceId: FROM,
      name: 'app:cluster',
      maxBytes,
      keptMs,
    });

  it.each(['secret', ''])('come back as they were, with the secret "%s"', async (secret) => {
    const own = [events[0]!, events[2_400]!, events[2]!];
    const data = { count: 1, bytes: Buffer.from('x') };
    const left = [leaving('a', events), leaving('b', own, data), leaving('c', [])];
    expect(await sessions(secret).leave(left, HEARD)).toBe(3);

    const next = sessions(secret);
    for (const { pid, sid, session } of left) {
      const taken = await next.take(pid);
      expect(taken).toMatchObject({ pid, sid, namespace: '/', from: FROM, heard: HEARD });
      const { events: missed = [], ...rest } = taken?.session ?? {};
      expect(rest).toEqual({ ...session, events: undefined });
      expect(missed.map(timeless)).toEqual(session.events.map(timeless));
    }
  });

  it('share their events: each is stored once, and read once', async () => {
    const many = Array.from({ length: 50 }, (_, i) => leaving(`pid-${i}`, events));
    await sessions().leave(many, HEARD);
    // Three chunks, what was heard, and the sessions.
    expect(store.texts.size).toBe(3 + 1 + 50);
    const next = sessions();
    const taken = await Promise.all(many.map(({ pid }) => next.take(pid)));
    expect(store.reads).toBe(4);
    expect(new Set(taken.map((each) => each?.session.events[7])).size).toBe(1);
  });

  it('stay for four minutes at most, by the clock of Redis: whatever the clock of an instance says', async () => {
    const put = jest.spyOn(store, 'put');
    const left = [leaving('a', [events[0]!]), { ...leaving('b', [events[1]!]), leftMs: 500_000 }];
    await sessions('secret', 1024 * 1024, 600_000).leave(left, HEARD);
    expect(put.mock.calls.map(([name, , keptMs]) => [name, keptMs])).toEqual([
      [`${FROM}:heard`, 240_000],
      [`${FROM}:0`, 240_000],
      ['a', 60_000],
      ['b', 240_000],
    ]);
  });

  it('have one taker', async () => {
    await sessions().leave([leaving('a', events)], HEARD);
    const takers = [sessions(), sessions()];
    const taken = await Promise.all([...takers, ...takers].map((each) => each.take('a')));
    expect(taken.filter((each) => each !== undefined)).toHaveLength(1);
  });

  it('are not accepted a second time, nor under another name, nor from another app', async () => {
    await sessions().leave([leaving('a', events)], HEARD);
    const text = store.texts.get('a')!;
    const next = sessions();
    expect(await next.take('a')).toBeDefined();
    store.texts.set('a', text);
    expect(await next.take('a')).toBeUndefined();
    expect(reporter.counts()).toEqual({ 'message.replayed': 1 });
    store.texts.set('b', text);
    expect(await next.take('b')).toBeUndefined();
    store.texts.set('a', text);
    expect(await sessions('other').take('a')).toBeUndefined();
    expect(reporter.counts()).toEqual({ 'message.replayed': 1, 'message.forged': 2 });
  });

  it('expire, also if somebody keeps them for longer', async () => {
    await sessions().leave([leaving('a', events)], HEARD);
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 130_000);
    expect(await sessions().take('a')).toBeUndefined();
    expect(reporter.counts()).toEqual({ 'message.replayed': 1 });
  });

  it('are lost if a part of their events is missing, was exchanged or was changed', async () => {
    for (const change of [
      () => store.texts.delete(`${FROM}:1`),
      () => store.texts.set(`${FROM}:1`, store.texts.get(`${FROM}:0`)!),
      () => store.texts.set(`${FROM}:heard`, 'x'),
    ]) {
      await sessions().leave([leaving('a', events)], HEARD);
      change();
      expect(await sessions().take('a')).toBeUndefined();
    }
    expect(reporter.counts()).toMatchObject({ 'recovery.failed': 3, 'message.forged': 2 });
  });

  it('end with no unhandled rejection if several parts are missing', async () => {
    await sessions().leave([leaving('a', events)], HEARD);
    store.texts.delete(`${FROM}:heard`);
    store.texts.delete(`${FROM}:1`);
    const unhandled = jest.fn();
    process.on('unhandledRejection', unhandled);
    try {
      expect(await sessions().take('a')).toBeUndefined();
      // Node.js looks for unhandled rejections after each turn of the event loop.
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off('unhandledRejection', unhandled);
    }
    expect(unhandled).not.toHaveBeenCalled();
    expect(reporter.counts()).toEqual({ 'recovery.failed': 1 });
  });

  it('are read once more after a read that failed', async () => {
    await sessions().leave([leaving('a', events), leaving('b', events)], HEARD);
    const next = sessions();
    const read = jest.spyOn(store, 'read').mockRejectedValueOnce(new Error('silent'));
    expect(await next.take('a')).toBeUndefined();
    read.mockRestore();
    expect((await next.take('b'))?.session.events).toHaveLength(events.length);
  });

  it('keep few bytes of what they share', async () => {
    const frames = Buffer.alloc(200 * 1024);
    const large = Array.from({ length: 20 }, (_, i): MissedEvent =>
      Object.assign({}, events[i], { frames }),
    );
    await sessions('secret', 64 * 1024 * 1024).leave(
      large.map((event, i) => leaving(`pid-${i}`, [event])),
      HEARD,
    );
    const next = sessions('secret', 1024 * 1024);
    for (const i of large.keys()) expect(await next.take(`pid-${i}`)).toBeDefined();
    const { reads } = store;
    // The oldest ones have made room.
    await sessions('secret', 64 * 1024 * 1024).leave([leaving('again', [large[0]!])], HEARD);
    expect(await next.take('again')).toBeDefined();
    expect(store.reads).toBe(reads + 1);
  });

  it('are refused if they name more events than there is room for', async () => {
    const left = sessions('');
    await left.leave([leaving('a', events.slice(0, 900))], HEARD);
    const stored = Buffer.from(store.texts.get('a')!, 'base64');
    const [header, data] = unpack(stored);
    const ranges = Array.from({ length: 20_000 }, () => [0, 0, 900]);
    store.texts.set('a', pack({ ...(header as object), events: ranges }, data).toString('base64'));
    expect(await left.take('a')).toBeUndefined();
    expect(reporter.counts()).toEqual({ 'recovery.failed': 1 });
  });

  it('that Redis refuses are not counted, and others are', async () => {
    const put = store.put.bind(store);
    jest.spyOn(store, 'put').mockImplementation(async (name, text) => {
      if (name === 'pid-7' || name === 'pid-120') throw new Error('OOM');
      return put(name, text);
    });
    const many = Array.from({ length: 250 }, (_, i) => leaving(`pid-${i}`, [events[i]!]));
    // The rest is not tried any more.
    expect(await sessions().leave(many, HEARD)).toBe(99);
    expect(reporter.counts()).toEqual({ 'recovery.failed': 1 });
    expect((await sessions().take('pid-99'))?.session.events).toMatchObject([
      { offset: events[99]!.offset },
    ]);
  });

  it('are stored part by part, in turns of the event loop', async () => {
    const asked: number[] = [];
    function* many() {
      for (let i = 0; i < 250; i++) {
        asked.push(store.texts.size);
        yield leaving(`pid-${i}`, [events[i]!]);
      }
    }
    expect(await sessions().leave(many(), HEARD)).toBe(250);
    // What was heard, and two parts with their events.
    expect([asked[99], asked[100], asked[249]]).toEqual([0, 102, 203]);
    const taken = await sessions().take('pid-249');
    expect(taken?.session.events).toMatchObject([{ offset: events[249]!.offset }]);
  });

  it('of another form are refused', async () => {
    const left = sessions('');
    const bad = ['', '{}', 'null', '{"events":[[1,2]]}', '[1'].map(packed);
    for (const bytes of [...bad, Buffer.alloc(0), Buffer.from([255, 255, 255, 255])]) {
      store.texts.set('a', bytes.toString('base64'));
      expect(await left.take('a')).toBeUndefined();
    }
    expect(reporter.counts()).toEqual({ 'recovery.failed': 7 });
  });

  it('that have no room are not stored, and others are', async () => {
    const large = { ...events[0]!, frames: Buffer.alloc(10_000) };
    const left = [leaving('a', [events[1]!]), leaving('b', [large]), leaving('c', [events[1]!])];
    expect(await sessions('secret', 3_000).leave(left, HEARD)).toBe(2);
    expect([...store.texts.keys()].sort()).toEqual([`${FROM}:0`, `${FROM}:heard`, 'a', 'c']);
  });
});
