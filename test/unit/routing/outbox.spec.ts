import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Outbox } from '../../../src/routing/outbox.js';
import type { QueuedPublish } from '../../../src/routing/outbox-queue.js';
import { PropagatorError } from '../../../src/errors.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const UNAVAILABLE = PropagatorError.of('redis.unavailable', ['away']);

/** The outcomes known so far. */
async function settled(...promises: Promise<unknown>[]): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const promise of promises) void promise.then((outcome) => outcomes.push(outcome));
  await jest.advanceTimersByTimeAsync(0);
  return outcomes;
}

describe('the outbox', () => {
  let outbox: Outbox;
  let reporter: Reporter;
  let open: boolean;
  let isOpenThrows: boolean;
  let busy: Set<string>;
  /** Channels that refuse publishes. */
  let broken: Map<string, PropagatorError>;
  let sent: string[];
  let tried: number;
  let number: number;
  let held: (() => void)[] | undefined;
  let awaySince: number | undefined;
  let overdue: { events: number; bytes: number };
  let ordersChannels: boolean;
  let lost: string[];

  beforeEach(() => {
    jest.useFakeTimers();
    open = true;
    isOpenThrows = false;
    busy = new Set();
    broken = new Map();
    sent = [];
    tried = 0;
    number = 0;
    held = undefined;
    awaySince = undefined;
    overdue = { events: 0, bytes: 0 };
    ordersChannels = false;
    lost = [];
    reporter = new Reporter(new MemoryLogger());
    outbox = make({});
  });
  afterEach(() => {
    outbox.close();
    jest.useRealTimers();
  });

  function make(limits: { maxEvents?: number; maxBytes?: number; maxAgeMs?: number }): Outbox {
    return new Outbox(
      { maxEvents: 1_000, maxBytes: 1_000_000, maxAgeMs: 1_000, ...limits },
      {
        isOpen: () => {
          if (isOpenThrows) throw new Error('no');
          return open;
        },
        awaySince: () => awaySince,
        ordersChannels,
        overdue: () => overdue,
        lost: ({ event }, { code }) => lost.push(`${event} ${code}`),
        isBusy: (channel) => busy.has(channel),
        isPassing: ({ code }) => code === 'redis.unavailable',
        send: async ({ channel, bytes, repeated }: QueuedPublish) => {
          tried++;
          if (held !== undefined) await new Promise<void>((resolve) => held?.push(resolve));
          const error = broken.get(channel);
          if (error !== undefined) throw error;
          sent.push(`${channel} ${bytes.toString()}${repeated ? ' again' : ''}`);
          return 2;
        },
      },
      reporter,
      5_000,
    );
  }

  /** The outcome of the event: a number, or an error code. */
  function add(
    channel: string,
    text: string,
    sequence = ++number,
    line = channel,
    repeated = false,
  ): Promise<unknown> {
    const bytes = Buffer.from(text);
    return outbox
      .add({ channel, orderingKey: line, bytes, sequence, repeated, reason: 'away' })
      .catch((error: PropagatorError) => error.code);
  }

  /** Queues an event like a verb, under its own ordering key. */
  function told(event: string, mode?: 'wait', since?: number): Promise<unknown> {
    const publish = {
      channel: event,
      orderingKey: event,
      bytes: Buffer.from('x'),
      sequence: ++number,
    };
    const when = since === undefined ? {} : { since };
    return outbox
      .add({
        ...publish,
        ...when,
        repeated: false,
        reason: 'away',
        event,
        mode: mode ?? 'queued',
      })
      .catch((error: PropagatorError) => error.code);
  }

  it('keeps room for the events in flight: those that come back find it, and only new ones are refused', async () => {
    outbox = make({ maxEvents: 3 });
    open = false;
    overdue = { events: 2, bytes: 2 };
    const first = add('a', '3', 3);
    expect(await add('a', '4', 4)).toBe('outbox.full');
    const back = [add('a', '1', 1, 'a', true), add('a', '2', 2, 'a', true)];
    expect(outbox.size).toBe(3);
    // More was in flight than the outbox keeps: the newest of them have no room.
    expect(await add('a', '5', 5, 'a', true)).toBe('outbox.full');
    overdue = { events: 0, bytes: 0 };
    open = true;
    outbox.flush();
    expect(await Promise.all([first, ...back])).toEqual([2, 2, 2]);
    expect(sent).toEqual(['a 1 again', 'a 2 again', 'a 3']);
  });

  it('continues when the transport throws: events expire in time, and later ones are sent once it works again', async () => {
    isOpenThrows = true;
    const old = add('a', '1');
    await jest.advanceTimersByTimeAsync(800);
    const young = add('a', '2');
    outbox.flush();
    outbox.flushQueue('a');
    await jest.advanceTimersByTimeAsync(400);
    expect(await settled(old)).toEqual(['outbox.expired']);
    expect(sent).toEqual([]);
    expect(reporter.counts()['transport.failed']).toBeGreaterThan(5);

    isOpenThrows = false;
    await jest.advanceTimersByTimeAsync(200);
    expect(await settled(young)).toEqual([2]);
    expect(sent).toEqual(['a 2']);
  });

  it('keeps the order of each channel', async () => {
    open = false;
    const kept = [add('a', '1'), add('b', '2'), add('a', '3'), add('b', '4')];
    await jest.advanceTimersByTimeAsync(500);
    expect(sent).toEqual([]);
    expect(outbox.holds('a')).toBe(true);
    expect(outbox.holds('c')).toBe(false);

    open = true;
    outbox.flush();
    expect(await Promise.all(kept)).toEqual([2, 2, 2, 2]);
    expect(sent.filter((line) => line.startsWith('a'))).toEqual(['a 1', 'a 3']);
    expect(sent.filter((line) => line.startsWith('b'))).toEqual(['b 2', 'b 4']);
    expect([outbox.size, outbox.bytes]).toEqual([0, 0]);
  });

  it('puts the event that was emitted earlier first, even if it arrives later', async () => {
    open = false;
    const kept = [add('a', 'third', 3), add('a', 'first', 1), add('a', 'second', 2)];
    open = true;
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['a first', 'a second', 'a third']);
  });

  it('keeps the order of one ordering key over several channels, one of which is down', async () => {
    open = false;
    const kept = [
      add('a', '1'),
      add('all', '2', 2, 'a'),
      add('a', '3', 3),
      add('all', '4', 4),
      add('a', '5', 5),
    ];
    broken.set('a', UNAVAILABLE);
    open = true;
    outbox.flush();
    await jest.advanceTimersByTimeAsync(100);
    expect(sent).toEqual(['all 4']);

    broken.clear();
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['all 4', 'a 1 again', 'all 2', 'a 3', 'a 5']);
  });

  it('sends nothing to a channel while an event for it is in flight outside the outbox', async () => {
    busy.add('a');
    const kept = [add('a', '1'), add('b', '2')];
    await jest.advanceTimersByTimeAsync(200);
    expect(sent).toEqual(['b 2']);
    busy.delete('a');
    outbox.flushQueue('a');
    await Promise.all(kept);
    expect(sent).toEqual(['b 2', 'a 1']);
  });

  it('continues with other channels while one is down, and retries that one alone and less and less often', async () => {
    broken.set('a', UNAVAILABLE);
    const kept = Array.from({ length: 100 }, (_, i) => add('a', String(i)));
    const other = add('b', 'x');
    await jest.advanceTimersByTimeAsync(100);
    expect(await other).toBe(2);
    expect(tried).toBe(101);
    await jest.advanceTimersByTimeAsync(800);
    expect(tried).toBeGreaterThan(101);
    expect(tried).toBeLessThan(107);

    broken.clear();
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['b x', ...Array.from({ length: 100 }, (_, i) => `a ${i} again`)]);
  });

  it('rejects at once an event that waiting cannot help, and continues with the next one', async () => {
    broken.set('a', PropagatorError.of('redis.permission', ['PUBLISH', 'NOPERM', '']));
    const refused = add('a', '1');
    outbox.flush();
    expect(await refused).toBe('redis.permission');
    broken.clear();
    const kept = add('a', '2');
    outbox.flush();
    expect(await kept).toBe(2);
  });

  it.each([
    ['events', { maxEvents: 3 }],
    ['bytes', { maxBytes: 15 }],
  ])('refuses an event at once when there are too many %s', async (_, limits) => {
    outbox = make(limits);
    open = false;
    const kept = ['1....', '2....', '3....'].map((text) => add('a', text));
    expect(outbox.isFull).toBe(true);
    expect(await Promise.all(['4....', '5....'].map((text) => add('b', text)))).toEqual([
      'outbox.full',
      'outbox.full',
    ]);
    expect([outbox.size, outbox.bytes]).toEqual([3, 15]);
    expect(reporter.counts()).toEqual({ 'outbox.full': 2 });
    open = true;
    outbox.flush();
    expect(await Promise.all(kept)).toEqual([2, 2, 2]);
    const later = add('b', '6....');
    outbox.flush();
    expect(await later).toBe(2);
  });

  it('does not drop events that are being published', async () => {
    outbox = make({ maxEvents: 1, maxAgeMs: 300 });
    held = [];
    const underWay = add('a', '1');
    outbox.flush();
    expect(tried).toBe(1);
    const next = add('a', '2');
    await jest.advanceTimersByTimeAsync(1_000);
    for (const go of held.splice(0)) go();
    held = undefined;
    expect(await underWay).toBe(2);
    expect(await next).toBe('outbox.full');
    expect(reporter.counts()).toEqual({ 'outbox.full': 1 });
  });

  it('drops an event that has waited too long, and says why it had to wait', async () => {
    open = false;
    const first = add('a', '1');
    const message = outbox
      .add({
        channel: 'a',
        orderingKey: 'a',
        bytes: Buffer.from('x'),
        sequence: 9,
        repeated: false,
        reason: 'no wire',
      })
      .catch((error: Error) => error.message);
    await jest.advanceTimersByTimeAsync(600);
    const second = add('a', '2');
    await jest.advanceTimersByTimeAsync(500);
    expect(await first).toBe('outbox.expired');
    expect(await message).toMatch(/for 1000 ms \(no wire\)/);
    expect(outbox.size).toBe(1);
    await jest.advanceTimersByTimeAsync(600);
    expect(await second).toBe('outbox.expired');
    expect(outbox.holds('a')).toBe(false);
    expect(reporter.counts()).toEqual({ 'outbox.expired': 3 });
  });

  describe('reporting that an event waits', () => {
    beforeEach(() => {
      outbox = make({ maxAgeMs: 30_000 });
      open = false;
    });

    it('resolves the verb after its time, and keeps the event', async () => {
      const event = told('a', undefined, performance.now() - 2_000);
      await jest.advanceTimersByTimeAsync(2_900);
      expect(await settled(event)).toEqual([]);
      await jest.advanceTimersByTimeAsync(200);
      expect(await settled(event)).toEqual([undefined]);
      expect([outbox.size, outbox.reportedQueued]).toEqual([1, 1]);
      open = true;
      await jest.advanceTimersByTimeAsync(100);
      expect(sent).toEqual(['a x']);
      expect([outbox.size, outbox.reportedQueued]).toEqual([0, 0]);
      expect(lost).toEqual([]);
    });

    it('resolves at once if earlier events have waited that long, or Redis has been down that long', async () => {
      const first = told('a');
      await jest.advanceTimersByTimeAsync(5_100);
      expect(await settled(first, told('a'))).toEqual([undefined, undefined]);
      const other = told('b');
      expect(await settled(other)).toEqual([]);
      awaySince = performance.now() - 5_000;
      expect(await settled(told('c'))).toEqual([undefined]);
      await jest.advanceTimersByTimeAsync(100);
      expect(await settled(other)).toEqual([undefined]);
    });

    it('reports the event as lost if it is lost after all', async () => {
      const events = [told('a'), told('b')];
      const waiting = told('c', 'wait');
      await jest.advanceTimersByTimeAsync(10_000);
      expect(await settled(...events, waiting)).toEqual([undefined, undefined]);
      await jest.advanceTimersByTimeAsync(20_100);
      expect(await waiting).toBe('outbox.expired');
      expect(lost).toEqual(['a outbox.expired', 'b outbox.expired']);
      expect(reporter.counts()).toEqual({ 'outbox.expired': 3 });
    });
  });

  it('refuses an event that is larger than the whole outbox, and keeps the others', async () => {
    outbox = make({ maxBytes: 10 });
    open = false;
    const kept = [add('a', '12345'), add('a', '12345')];
    expect(await add('a', '12345678901')).toBe('outbox.full');
    expect([outbox.size, outbox.bytes]).toEqual([2, 10]);
    open = true;
    outbox.flush();
    expect(await Promise.all(kept)).toEqual([2, 2]);
  });

  it('over a transport that orders all channels, keeps the order of all of them, as many in flight as have room', async () => {
    ordersChannels = true;
    outbox = make({});
    open = false;
    const large = 'x'.repeat(300 * 1024);
    outbox = make({ maxBytes: 10_000_000 });
    const kept = ['a', 'b', 'c', 'a', 'b', 'c'].map((channel, i) =>
      add(channel, `${i}${large}`, i, ''),
    );
    held = [];
    open = true;
    outbox.flush();
    // 1 MiB at a time.
    expect(tried).toBe(3);
    await jest.advanceTimersByTimeAsync(0);
    expect(tried).toBe(6);
    for (const go of held.splice(0)) go();
    held = undefined;
    expect(await Promise.all(kept)).toEqual([2, 2, 2, 2, 2, 2]);
    expect(sent.map((line) => line.slice(0, 3))).toEqual([
      'a 0',
      'b 1',
      'c 2',
      'a 3',
      'b 4',
      'c 5',
    ]);
  });

  it('over such a transport, does not wait for each reply of a Redis that is far away, within bounds', async () => {
    ordersChannels = true;
    outbox = make({ maxEvents: 20_000, maxAgeMs: 60_000 });
    open = false;
    const kept = Array.from({ length: 10_000 }, (_, i) => add(`c${i % 7}`, String(i), i, ''));
    held = [];
    open = true;
    outbox.flush();
    const turns: number[] = [];
    for (let turn = 0; turn < 40; turn++) {
      turns.push(tried);
      await jest.advanceTimersToNextTimerAsync();
    }
    // 500 in each turn of the event loop, 16 times as many in flight.
    expect(turns.filter((count, i) => count - (turns[i - 1] ?? 0) > 500)).toEqual([]);
    expect(tried).toBe(8_000);
    expect(outbox.size).toBe(10_000);

    // The connection is lost: all of them come back, and one finds out whether it works again.
    for (let i = 0; i < 7; i++) broken.set(`c${i}`, UNAVAILABLE);
    for (const go of held.splice(0)) go();
    held = undefined;
    await jest.advanceTimersByTimeAsync(300);
    expect(tried).toBeLessThan(8_005);
    expect(sent).toEqual([]);
    broken.clear();
    outbox.flush();
    await jest.advanceTimersByTimeAsync(2_000);
    await Promise.all(kept);
    expect(sent.map((line) => Number(line.split(' ')[1]))).toEqual([...Array(10_000).keys()]);
    expect([outbox.size, outbox.bytes]).toEqual([0, 0]);
  });

  it('over such a transport, tries one event alone after a failure, and then the others in order', async () => {
    ordersChannels = true;
    outbox = make({});
    for (const channel of ['a', 'b', 'c']) broken.set(channel, UNAVAILABLE);
    const kept = ['a', 'b', 'c'].map((channel, i) => add(channel, String(i), i, ''));
    outbox.flushQueue('');
    await jest.advanceTimersByTimeAsync(0);
    expect(tried).toBe(3);
    await jest.advanceTimersByTimeAsync(300);
    expect(tried).toBeGreaterThan(3);
    expect(tried).toBeLessThan(7);
    expect(sent).toEqual([]);

    broken.clear();
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['a 0 again', 'b 1 again', 'c 2 again']);
  });

  it('takes 20,000 events of one ordering key in any order, and returns them in order', async () => {
    outbox = make({ maxEvents: 40_000, maxBytes: 1_000_000, maxAgeMs: 60_000 });
    open = false;
    // The later half is already waiting when the earlier half comes back from in flight.
    const order = [...Array(20_000).keys()].map((i) => (i + 10_000) % 20_000);
    const kept = order.map((sequence) => add('a', String(sequence), sequence));
    open = true;
    outbox.flush();
    await jest.advanceTimersByTimeAsync(1_000);
    await Promise.all(kept);
    expect(sent).toHaveLength(20_000);
    expect(sent.every((line, index) => line === `a ${index}`)).toBe(true);
    expect([outbox.size, outbox.bytes]).toEqual([0, 0]);
  });

  it('rejects all events when it is closed, and counts as drained once it is empty', async () => {
    await outbox.drain();
    open = false;
    const kept = [add('a', '1'), add('b', '2')];
    const drained = outbox.drain();
    outbox.close();
    expect(await Promise.all(kept)).toEqual(['redis.closed', 'redis.closed']);
    await expect(drained).resolves.toBeUndefined();
    expect(jest.getTimerCount()).toBe(0);
  });
});
