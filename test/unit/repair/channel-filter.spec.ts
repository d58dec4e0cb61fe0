import { describe, expect, it } from '@jest/globals';
import { ChannelFilter } from '../../../src/repair/channel-filter.js';
import { fnv1a } from '../../../src/wire/fnv.js';

const names = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `app:/:user:${i}`);
const all = (): boolean => true;

/** As another instance reads it. */
function received(filter: ChannelFilter): ChannelFilter {
  return ChannelFilter.decode(filter.encode());
}

describe('the channels of a repair request', () => {
  it.each([0, 1, 16_384, 16_385, 50_000])(
    'hold all of %i channels, here and at the other end',
    (count) => {
      const channels = names(count);
      const filter = ChannelFilter.of(channels, all);
      const there = received(filter);
      expect(channels.every((channel) => filter.has(channel) && there.has(channel))).toBe(true);
    },
  );

  it('hold few other channels, however many there are', () => {
    const others = names(10_000).map((channel) => `other:${channel}`);
    for (const [count, most] of [
      [0, 0],
      [16_384, 5],
      [50_000, 1_000],
    ] as const) {
      const filter = received(ChannelFilter.of(names(count), all));
      expect(others.filter((channel) => filter.has(channel)).length).toBeLessThanOrEqual(most);
    }
  });

  it('leave out channels that are not wanted', () => {
    const filter = ChannelFilter.of(['a', 'b'], (channel) => channel === 'a');
    expect([filter.has('a'), filter.has('b')]).toEqual([true, false]);
  });

  it('are a list of hashes, or a bounded filter for more than 16,384', () => {
    const list = Buffer.alloc(8);
    const hashes = ['a', 'b'].map((name) => fnv1a(name)).sort((a, b) => a - b);
    hashes.forEach((hash, index) => list.writeUInt32BE(hash, 4 * index));
    expect(ChannelFilter.of(['a', 'b'], all).encode()).toEqual({ channels: list });
    for (const count of [16_385, 50_000]) {
      expect(ChannelFilter.of(names(count), all).encode()).toEqual({
        filter: expect.objectContaining({ length: 128 * 1024 }),
      });
    }
  });

  it('may come from another instance in any size of filter, and in bytes that end within a hash', () => {
    const { channels } = ChannelFilter.of(['a'], all).encode() as { channels: Buffer };
    const filter = Buffer.alloc(3);
    const bit = fnv1a('a') % 24;
    filter[bit >> 3] = 1 << (bit & 7);
    expect(ChannelFilter.decode({ filter, channels }).has('a')).toBe(true);
    const list = Buffer.concat([channels, Buffer.alloc(3)]);
    expect(ChannelFilter.decode({ channels: list }).has('a')).toBe(true);
    expect(ChannelFilter.decode({ filter: Buffer.alloc(0), channels }).has('a')).toBe(true);
  });

  it('are refused if they are more than an instance lists, or a longer filter than it makes', () => {
    expect(() => ChannelFilter.decode({ channels: Buffer.alloc(4 * 16_385) })).toThrow(TypeError);
    expect(() => ChannelFilter.decode({ filter: Buffer.alloc(128 * 1024 + 1) })).toThrow(TypeError);
  });

  it.each([{}, { channels: 'a' }, { filter: Buffer.alloc(0) }, { filter: 1, channels: [1] }])(
    'are refused as %j',
    (params) => {
      expect(() => ChannelFilter.decode(params)).toThrow(TypeError);
    },
  );
});
