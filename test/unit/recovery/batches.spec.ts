import { describe, expect, it } from '@jest/globals';
import { Batches, itemsPer } from '../../../src/recovery/batches.js';

describe('questions of one turn of the event loop', () => {
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
