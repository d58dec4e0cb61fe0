import { describe, expect, it } from '@jest/globals';
import { RateLimiter } from '../../../src/auth/rate-limiter.js';

function limitOf(perSecond: number, mostAddresses?: number) {
  const clock = { ms: 5_000.123 };
  const limit = new RateLimiter(perSecond, mostAddresses, () => clock.ms);
  /** The number of accepted handshakes among this many at the same time. */
  const through = (address: string, attempts: number): number => {
    let count = 0;
    for (let attempt = 0; attempt < attempts; attempt++) if (limit.take(address) === 0) count++;
    return count;
  };
  return { clock, limit, through };
}

describe('the handshake limit', () => {
  it.each([1, 2, 3, 7, 10, 100, 999, 100_000])('accepts a burst of %d, and no more', (most) => {
    const { through } = limitOf(most);
    expect(through('a', 2 * most)).toBe(most);
    expect(through('a', 1)).toBe(0);
  });

  it('accepts as many handshakes in each second, one after the other', () => {
    const { clock, through } = limitOf(4);
    expect(through('a', 10)).toBe(4);
    for (let turn = 0; turn < 100; turn++) {
      clock.ms += 250;
      expect(through('a', 3)).toBe(1);
    }
    clock.ms += 60_000;
    expect(through('a', 10)).toBe(4);
  });

  it('says after how long the next one is accepted, and accepts it then', () => {
    const { clock, limit, through } = limitOf(3);
    through('a', 3);
    expect(limit.take('a')).toBe(334);
    clock.ms += 100;
    expect(limit.take('a')).toBe(234);
    clock.ms += 233;
    expect(limit.take('a')).toBe(1);
    clock.ms += 1;
    expect(limit.take('a')).toBe(0);
  });

  it('does not count refused handshakes', () => {
    const { clock, through } = limitOf(2);
    expect(through('a', 1_000)).toBe(2);
    clock.ms += 500;
    expect(through('a', 1_000)).toBe(1);
  });

  it('counts each address separately', () => {
    const { through } = limitOf(2);
    expect(through('a', 5)).toBe(2);
    expect(through('b', 5)).toBe(2);
    expect(through('__proto__', 5)).toBe(2);
  });

  it('forgets addresses that are idle for a second', () => {
    const { clock, limit } = limitOf(10);
    for (let index = 0; index < 1_000; index++) limit.take(`address ${index}`);
    expect(limit.size).toBe(1_000);
    clock.ms += 101;
    limit.take('another');
    expect(limit.size).toBe(1);
  });

  it('remembers a limited number of addresses, the latest ones', () => {
    const { limit, through } = limitOf(2, 100);
    for (let index = 0; index < 10_000; index++) limit.take(`address ${index}`);
    expect(limit.size).toBe(100);
    expect(through('address 9999', 5)).toBe(1);
    expect(limit.size).toBe(100);
  });
});
