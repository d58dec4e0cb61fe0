import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PublishesInFlight } from '../../../src/routing/publishes-in-flight.js';

describe('publishes in flight', () => {
  let inFlight: PublishesInFlight;

  beforeEach(() => {
    jest.useFakeTimers();
    inFlight = new PublishesInFlight((error) => {
      throw error;
    });
  });
  afterEach(() => {
    inFlight.close();
    jest.useRealTimers();
  });

  it('are stuck after a second without any reply, and not stuck after the next reply', async () => {
    const a = inFlight.begin('a', 10);
    inFlight.begin('b', 20);
    await jest.advanceTimersByTimeAsync(900);
    expect(inFlight.isStuck).toBe(false);
    expect(inFlight.overdue).toMatchObject({ events: 0, bytes: 0 });
    await jest.advanceTimersByTimeAsync(200);
    inFlight.begin('c', 40);
    expect(inFlight.overdue).toMatchObject({ events: 3, bytes: 70 });
    expect(performance.now() - (inFlight.stuckSince ?? 0)).toBeGreaterThanOrEqual(1_000);

    expect(inFlight.settle(a, 10, true)).toBe(true);
    expect(inFlight.release('a')).toBe(true);
    expect(inFlight.isStuck).toBe(false);
    expect(inFlight.has('b')).toBe(true);
    expect(inFlight.overdue).toMatchObject({ events: 1, bytes: 20 });
  });

  it('are not stuck while any of them is answered, and overdue after a second', async () => {
    const silent = inFlight.begin('silent', 1);
    for (let turn = 0; turn < 20; turn++) {
      const begun = inFlight.begin('a', 10);
      await jest.advanceTimersByTimeAsync(800);
      inFlight.settle(begun, 10, true);
      inFlight.release('a');
      expect(inFlight.overdue).toMatchObject(
        turn === 0 ? { events: 0, bytes: 0 } : { events: 1, bytes: 1 },
      );
    }
    expect(inFlight.isStuck).toBe(false);
    inFlight.settle(silent, 1, false);
    expect(inFlight.overdue).toMatchObject({ events: 0, bytes: 0 });
  });

  it('are neither stuck nor overdue when this process was frozen', async () => {
    inFlight.begin('a', 10);
    jest.setSystemTime(Date.now() + 60_000);
    await jest.advanceTimersByTimeAsync(300);
    expect(inFlight.isStuck).toBe(false);
    expect(inFlight.overdue).toMatchObject({ events: 0, bytes: 0 });
  });

  it('stay stuck while they fail without a reply, until none is left; then no timer is left either', async () => {
    const [first, second] = [inFlight.begin('a', 10), inFlight.begin('a', 10)];
    await jest.advanceTimersByTimeAsync(1_200);
    expect(inFlight.settle(first, 10, false)).toBe(false);
    expect(inFlight.release('a')).toBe(false);
    expect(inFlight.overdue).toMatchObject({ events: 1, bytes: 10 });
    expect(inFlight.settle(second, 10, false)).toBe(true);
    expect(inFlight.release('a')).toBe(true);
    expect(inFlight.isStuck).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(jest.getTimerCount()).toBe(0);
  });
});
