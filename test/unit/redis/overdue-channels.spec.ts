import { beforeEach, describe, expect, it } from '@jest/globals';
import { PropagatorError } from '../../../src/index.js';
import { OverdueChannels } from '../../../src/redis/overdue-channels.js';

const late = PropagatorError.of('redis.timeout', ['SUBSCRIBE', 1_000]);
const refused = PropagatorError.of('redis.permission', ['SUBSCRIBE', 'NOPERM', 'Grant it.']);
const unavailable = PropagatorError.of('redis.unavailable', ['CLUSTERDOWN']);

describe('overdue channels', () => {
  const missed: string[] = [];
  const sinces: number[] = [];
  let channels: OverdueChannels;
  const names = ['a', 'b', 'c'];
  const confirm = (...confirmed: string[]): void =>
    channels.confirmed((name) => confirmed.includes(name));

  beforeEach(() => {
    missed.length = 0;
    sinces.length = 0;
    channels = new OverdueChannels((interrupted, since) => {
      sinces.push(since);
      missed.push(names.filter((name) => interrupted(name)).join());
    });
  });

  it('are reported once, and again when they are confirmed', () => {
    channels.overdue('a', late);
    channels.overdue('b', late);
    expect(missed).toEqual(['a']);
    expect(channels.error).toBe(late);
    confirm('a');
    expect(missed).toEqual(['a', 'a']);
    expect(channels.error).toBe(late);
    confirm('a', 'b', 'c');
    expect(missed).toEqual(['a', 'a', 'b']);
    expect(channels.error).toBeUndefined();
    channels.overdue('c', late);
    expect(missed).toEqual(['a', 'a', 'b', 'c']);
    // Messages of the first channel were missed from the same moment on.
    expect(sinces[1]).toBe(sinces[0]);
    expect(Math.max(...sinces)).toBeLessThanOrEqual(performance.now());
  });

  it('that Redis refused are reported only when the refusal has ended', () => {
    channels.refuse('a', refused);
    expect(missed).toEqual([]);
    expect(channels.error).toBe(refused);
    expect([...channels.refused]).toEqual(['a']);
    confirm('a');
    expect(missed).toEqual(['a']);
    expect(channels.error).toBeUndefined();
    expect([...channels.refused]).toEqual([]);
  });

  it('are requested again sooner while only a node is missing', () => {
    expect(channels.retryMs).toBeUndefined();
    channels.refuse('a', refused);
    const later = channels.retryMs ?? 0;
    channels.refuse('b', unavailable);
    expect(channels.retryMs).toBeLessThan(later);
    channels.forget('b');
    expect(channels.retryMs).toBe(later);
  });

  it('that are no longer wanted are not reported', () => {
    channels.refuse('a', refused);
    channels.overdue('b', late);
    expect(missed).toEqual(['a,b']);
    expect(channels.forget('a')).toBe(true);
    expect(channels.forget('b')).toBe(false);
    confirm('a', 'b');
    expect(missed).toEqual(['a,b']);
    expect(channels.error).toBeUndefined();
  });

  it('do not outlive the connection', () => {
    channels.refuse('a', refused);
    channels.overdue('b', late);
    channels.clear();
    expect(channels.error).toBeUndefined();
    confirm('a', 'b');
    expect(missed).toEqual(['a,b']);
  });
});
