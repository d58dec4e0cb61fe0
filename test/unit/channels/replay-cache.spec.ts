import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { ReplayCache } from '../../../src/channels/replay-cache.js';

function seen(most?: number) {
  const clock = { ms: 0 };
  let full = 0;
  const onFull = (): void => {
    full++;
  };
  const tags = new ReplayCache(1_000, onFull, () => clock.ms, most);
  return { clock, tags, full: () => full };
}

describe('the replay cache', () => {
  it('recognises each of very many signatures', () => {
    const { tags } = seen();
    const all = Array.from({ length: 20_000 }, () => randomBytes(16));
    expect(all.filter((tag) => !tags.add(tag))).toEqual([]);
    expect(all.filter((tag) => tags.add(tag))).toEqual([]);
    expect(tags.size).toBe(20_000);
  });

  it('recognises a signature for as long as it has to, and then forgets it', () => {
    const { clock, tags } = seen();
    const tag = randomBytes(16);
    clock.ms = 999;
    tags.add(tag);
    clock.ms = 1_001;
    expect(tags.add(tag)).toBe(false);
    clock.ms = 1_998;
    expect(tags.add(tag)).toBe(false);
    clock.ms = 2_002;
    tags.add(randomBytes(16));
    clock.ms = 3_003;
    expect(tags.add(tag)).toBe(true);
    clock.ms = 60_000;
    expect(tags.add(tag)).toBe(true);
    expect(tags.size).toBe(1);
  });

  it('takes no more memory than allowed, and reports that signatures are forgotten early', () => {
    const { tags, full } = seen(100);
    const all = Array.from({ length: 250 }, () => randomBytes(16));
    for (const tag of all) expect(tags.add(tag)).toBe(true);
    expect(tags.size).toBe(150);
    expect(full()).toBe(2);
    expect(tags.add(all[249] ?? Buffer.alloc(0))).toBe(false);
  });

  it('accepts signatures of zeros', () => {
    const { tags } = seen();
    expect(tags.add(Buffer.alloc(16))).toBe(true);
    expect(tags.add(Buffer.alloc(16))).toBe(false);
  });
});
