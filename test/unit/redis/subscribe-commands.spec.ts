import { describe, expect, it } from '@jest/globals';
import { ChannelBatches } from '../../../src/redis/subscribe-commands.js';

describe('lists of channels for one command each', () => {
  it('are full at the given length', () => {
    const batches = new ChannelBatches(2, () => 0);
    expect(batches.add('a')).toBeUndefined();
    expect(batches.add('b')).toEqual(['a', 'b']);
    expect(batches.add('c')).toBeUndefined();
    expect([...batches.rest()]).toEqual([['c']]);
  });

  it('hold the channels of one slot', () => {
    const batches = new ChannelBatches(2, (channel) => Number(channel[0]));
    for (const channel of ['1a', '2a', '3a']) expect(batches.add(channel)).toBeUndefined();
    expect(batches.add('2b')).toEqual(['2a', '2b']);
    expect([...batches.rest()]).toEqual([['1a'], ['3a']]);
  });

  it('may hold a single channel', () => {
    const batches = new ChannelBatches(1, () => 0);
    expect(batches.add('a')).toEqual(['a']);
    expect([...batches.rest()]).toEqual([]);
  });
});
