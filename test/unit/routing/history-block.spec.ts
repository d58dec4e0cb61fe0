import { describe, expect, it } from '@jest/globals';
import { GONE, HistoryBlock } from '../../../src/routing/history-block.js';

const filled = (length: number, byte: number): Buffer => Buffer.alloc(length, byte);

describe('a block of the publish history', () => {
  it('returns a copy of the bytes of each slot, and begins again without them', () => {
    const block = new HistoryBlock();
    block.begin(7);
    block.add('a', filled(3, 1), 11, 1, 21);
    block.add('b', filled(140_000, 2), 12, 2, 22);
    block.add('c', filled(5, 3), 13, 1, 23);
    expect([0, 1, 2].map((slot) => block.read(slot))).toEqual([
      filled(3, 1),
      filled(140_000, 2),
      filled(5, 3),
    ]);
    block.read(0).fill(9);
    expect(block.read(0)).toEqual(filled(3, 1));
    expect(block.stampOf(1)).toEqual({ lane: 2, number: 22 });
    expect([...block.lengths.subarray(0, 3)]).toEqual([3, 140_000, 5]);
    expect([...block.sequences.subarray(0, 3)]).toEqual([11, 12, 13]);

    block.begin(10);
    expect([block.first, block.length, block.oldest]).toEqual([10, 0, 0]);
    block.add('d', filled(4, 4), 14, 1, 24);
    expect(block.channels).toEqual(['d']);
    expect(block.read(0)).toEqual(filled(4, 4));
  });

  it('is full after 256 KiB of copied bytes, or 2,048 events; large ones need no room', () => {
    const block = new HistoryBlock();
    const large = filled(131_073, 1);
    for (let i = 0; i < 2; i++) block.add('a', filled(131_072, 1), i, 1, i);
    expect([block.hasRoom(1), block.hasRoom(large.length)]).toEqual([false, true]);
    while (block.hasRoom(large.length)) block.add('a', large, 1, 1, 1);
    expect(block.length).toBe(2_048);
  });

  it('keeps a slot released, though Redis takes its event later', () => {
    const block = new HistoryBlock();
    block.add('a', filled(1, 1), 1, 1, 1);
    expect(block.at[0]).toBe(Infinity);
    block.taken(0);
    expect(block.at[0]).toBeLessThanOrEqual(performance.now());
    block.release(0);
    block.taken(0);
    expect([block.at[0], block.channels[0]]).toEqual([GONE, '']);
  });
});
