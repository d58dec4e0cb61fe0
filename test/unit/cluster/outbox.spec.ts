import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Outbox, type QueuedPublish } from '../../../src/cluster/outbox.js';
import { PropagatorError } from '../../../src/errors.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const UNAVAILABLE = PropagatorError.of('redis.unavailable', ['away']);

describe('the outbox', () => {
  let outbox: Outbox;
  let reporter: Reporter;
  let open: boolean;
  let busy: Set<string>;
  /** Channels that cannot be published to. */
  let broken: Map<string, PropagatorError>;
  let sent: string[];
  let tried: number;
  let number: number;
  let held: (() => void)[] | undefined;

  beforeEach(() => {
    jest.useFakeTimers();
    open = true;
    busy = new Set();
    broken = new Map();
    sent = [];
    tried = 0;
    number = 0;
    held = undefined;
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
        isOpen: () => open,
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
    );
  }

  /** What becomes of it: a number, or a code. */
  function add(
    channel: string,
    text: string,
    sequence = ++number,
    line = channel,
  ): Promise<unknown> {
    const bytes = Buffer.from(text);
    return outbox
      .add({ channel, line, bytes, sequence, repeated: false, reason: 'away' })
      .catch((error: PropagatorError) => error.code);
  }

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

  it('puts what was emitted earlier first, though it comes later', async () => {
    open = false;
    const kept = [add('a', 'third', 3), add('a', 'first', 1), add('a', 'second', 2)];
    open = true;
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['a first', 'a second', 'a third']);
  });

  it('keeps the order of a line over several channels, one of which is away', async () => {
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

  it('sends nothing while something for the channel is under way past it', async () => {
    busy.add('a');
    const kept = [add('a', '1'), add('b', '2')];
    await jest.advanceTimersByTimeAsync(200);
    expect(sent).toEqual(['b 2']);
    busy.delete('a');
    outbox.flushLine('a');
    await Promise.all(kept);
    expect(sent).toEqual(['b 2', 'a 1']);
  });

  it('goes on with the other channels where one is away, and tries that one alone and ever more rarely', async () => {
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

  it('rejects at once what no waiting mends, and goes on behind it', async () => {
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
  ])('lets go of the oldest when there are too many %s', async (_, limits) => {
    outbox = make(limits);
    open = false;
    const kept = ['1....', '2....', '3....', '4....', '5....'].map((text) => add('a', text));
    expect(await Promise.all(kept.slice(0, 2))).toEqual(['outbox.full', 'outbox.full']);
    expect([outbox.size, outbox.bytes]).toEqual([3, 15]);
    expect(reporter.counts()).toEqual({ 'outbox.full': 2 });
    open = true;
    outbox.flush();
    await Promise.all(kept);
    expect(sent).toEqual(['a 3....', 'a 4....', 'a 5....']);
  });

  it('does not let go of what Redis is taking', async () => {
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

  it('lets go of what has waited for too long, and says why it had to wait', async () => {
    open = false;
    const first = add('a', '1');
    const message = outbox
      .add({
        channel: 'a',
        line: 'a',
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

  it('rejects everything when it is closed, and is drained once it is empty', async () => {
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
