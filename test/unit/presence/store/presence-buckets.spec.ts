import { describe, expect, it } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { BUCKETS, presenceChannel } from '../../../../src/presence/store/presence-buckets.js';

const SLOTS = 16_384;

const slots = Array.from({ length: BUCKETS }, (_, bucket) =>
  calculateSlot(presenceChannel('app', bucket)),
);

/** The number of buckets of each master, when so many masters share the slots evenly. */
function bucketsOfMasters(masters: number): number[] {
  const counts = Array<number>(masters).fill(0);
  for (const slot of slots) {
    const master = Math.min(Math.floor((slot * masters) / SLOTS), masters - 1);
    counts[master] = (counts[master] ?? 0) + 1;
  }
  return counts;
}

describe('the presence buckets on a Cluster', () => {
  it.each([3, 6, 12, 54, ...Array.from({ length: 100 }, (_, index) => index + 1)])(
    'are shared evenly by %d masters',
    (masters) => {
      const counts = bucketsOfMasters(masters);
      expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil(BUCKETS / masters));
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(Math.floor(BUCKETS / masters));
    },
  );

  it('have the tags of docs/protocol.md, none of which an earlier version used', () => {
    const tags = new Map<number, string>();
    for (let number = 0; tags.size < BUCKETS; number++) {
      const tag = `b${number.toString(36)}`;
      const slot = calculateSlot(`{${tag}}`);
      const [bucket, within] = [Math.floor(slot / 64), slot % 64];
      if ((within === 31 || within === 32) && !tags.has(bucket)) tags.set(bucket, tag);
    }
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      expect(presenceChannel('app', bucket)).toBe(`app:presence:{${tags.get(bucket)}}`);
    }
  });
});
