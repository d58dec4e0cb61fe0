import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { NO_REPLY, ReplyStream } from '../../../src/cluster/reply-stream.js';
import { PropagatorError } from '../../../src/errors.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import type { ClusterMessage } from '../../../src/wire/cluster-message.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const UNAVAILABLE = PropagatorError.of('redis.unavailable', ['the test']);
const TOO_LARGE = PropagatorError.of('event.too-large', ['the reply', 2, 1]);

const message = (rest: object) => ({ to: 'caller', type: 'reply', id: 7, ...rest });

describe('ReplyStream', () => {
  let sent: unknown[];
  let reporter: Reporter;
  /** Throws for a message that cannot be sent. */
  let check: (part: unknown) => void;
  const bus = {
    sendTo: async (to: string, given: ClusterMessage): Promise<boolean> => {
      check((given as { part?: unknown }).part);
      sent.push({ to, ...given });
      return true;
    },
  };
  const streamOf = (id: number): ReplyStream => new ReplyStream({ bus, reporter }, 'caller', id);
  beforeEach(() => {
    jest.useFakeTimers();
    sent = [];
    reporter = new Reporter(new MemoryLogger());
    check = () => undefined;
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  it('numbers its messages, and ends after all parts', async () => {
    const stream = streamOf(7);
    void stream.push([1]);
    void stream.push([2]);
    await stream.end([3]);
    expect(sent).toEqual([
      message({ number: 0, done: false, part: [1] }),
      message({ number: 1, done: false, part: [2] }),
      message({ number: 2, done: true, part: [3] }),
    ]);
  });

  it('sends a failure after the parts', async () => {
    const stream = streamOf(7);
    void stream.push([1]);
    await stream.fail('failed');
    expect(sent).toEqual([
      message({ number: 0, done: false, part: [1] }),
      message({ done: true, error: 'failed' }),
    ]);
  });

  it('sends nothing for a request that needs no reply', async () => {
    const stream = streamOf(NO_REPLY);
    expect(await stream.push([1])).toBe(false);
    await stream.end([2]);
    await stream.fail('failed');
    expect(sent).toEqual([]);
  });

  it('tries again while Redis is unavailable, and reports a reply that it gave up', async () => {
    let attempts = 0;
    check = () => {
      attempts++;
      if (attempts < 4) throw UNAVAILABLE;
    };
    const stream = streamOf(7);
    const ended = stream.end([1]);
    await jest.advanceTimersByTimeAsync(149);
    expect(sent).toHaveLength(0);
    await jest.advanceTimersByTimeAsync(1);
    await ended;
    expect(sent).toEqual([message({ number: 0, done: true, part: [1] })]);

    check = () => {
      throw UNAVAILABLE;
    };
    const pushed = stream.push([2]);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(await pushed).toBe(false);
    expect(reporter.counts()).toEqual({ 'reply.failed': 1 });
  });

  it('splits a list around the item that cannot be sent', async () => {
    check = (part) => {
      if (Array.isArray(part) && part.includes('huge')) throw TOO_LARGE;
    };
    await streamOf(7).end(['a', 'b', 'huge', 'c']);
    const parts = (sent as { part?: unknown[] }[]).flatMap(({ part = [] }) => part);
    expect(parts).toEqual(['a', 'b', 'c']);
    expect(reporter.counts()).toEqual({ 'reply.failed': 1 });
    // The number of the dropped item is missing, so the caller does not take the reply for complete.
    const numbers = (sent as { number: number }[]).map(({ number }) => number);
    expect(numbers).toEqual([0, 2]);
    expect(sent.at(-1)).toMatchObject({ done: true });
  });

  it('sends a failure if the last part cannot be sent', async () => {
    check = (part) => {
      if (part === 'huge') throw TOO_LARGE;
    };
    await streamOf(7).end('huge');
    expect(sent).toEqual([message({ done: true, error: 'failed' })]);
    expect(reporter.counts()).toEqual({ 'reply.failed': 1 });
  });
});
