import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Batches, itemsPer } from '../../../src/recovery/batches.js';

describe('questions of one turn of the event loop', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('are sent together to each instance, and answered one by one', async () => {
    const sent: [string, readonly number[]][] = [];
    const batches = new Batches<number, number>(
      (to, items) => {
        sent.push([to, items]);
        return Promise.resolve(items.map((item) => item * 2));
      },
      -1,
      fail,
    );
    const answers = await Promise.all([
      batches.add('a', 1),
      batches.add('b', 2),
      batches.add('a', 3),
    ]);
    expect(answers).toEqual([2, 4, 6]);
    expect(sent).toEqual([
      ['a', [1, 3]],
      ['b', [2]],
    ]);
  });

  it('are sent together with those of the next 50 ms, if an instance was asked a moment ago', async () => {
    jest.useFakeTimers();
    const sent: [string, readonly number[]][] = [];
    const batches = new Batches<number, number>(
      (to, items) => {
        sent.push([to, items]);
        return Promise.resolve(items);
      },
      -1,
      fail,
    );
    const first = batches.add('a', 1);
    await jest.advanceTimersByTimeAsync(1);
    expect(await first).toBe(1);
    const later = [batches.add('a', 2), batches.add('b', 3)];
    await jest.advanceTimersByTimeAsync(25);
    later.push(batches.add('a', 4));
    expect(sent).toEqual([
      ['a', [1]],
      ['b', [3]],
    ]);
    await jest.advanceTimersByTimeAsync(25);
    expect(await Promise.all(later)).toEqual([2, 3, 4]);
    expect(sent.slice(2)).toEqual([['a', [2, 4]]]);

    // After a rest the first question does not wait.
    await jest.advanceTimersByTimeAsync(100);
    const rested = batches.add('a', 5);
    await jest.advanceTimersByTimeAsync(1);
    expect(await rested).toBe(5);
  });

  it('are answered, too, if they cannot be sent, or some answers are missing', async () => {
    const failures: unknown[] = [];
    const batches = new Batches<number, string>(
      (to) => (to === 'bad' ? Promise.reject(new Error('too large')) : Promise.resolve(['known'])),
      'unknown',
      (error) => failures.push(error),
    );
    expect(await Promise.all([batches.add('bad', 1), batches.add('bad', 2)])).toEqual([
      'unknown',
      'unknown',
    ]);
    expect(failures).toEqual([new Error('too large')]);
    expect(await Promise.all([batches.add('good', 1), batches.add('good', 2)])).toEqual([
      'known',
      'unknown',
    ]);
  });
});

it('ask for as many items as fit into a message', () => {
  expect([1_024, 65_536, 4_194_304].map(itemsPer)).toEqual([1, 32, 500]);
});

function fail(error: unknown): void {
  throw error;
}
