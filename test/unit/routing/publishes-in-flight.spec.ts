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
    inFlight.begin('a', 10);
    inFlight.begin('b', 20);
    await jest.advanceTimersByTimeAsync(900);
    expect(inFlight.isStuck).toBe(false);
    expect(inFlight.stuck).toEqual({ events: 0, bytes: 0 });
    await jest.advanceTimersByTimeAsync(200);
    expect(inFlight.stuck).toEqual({ events: 2, bytes: 30 });
    expect(performance.now() - (inFlight.stuckSince ?? 0)).toBeGreaterThanOrEqual(1_000);

    expect(inFlight.settle(10, true)).toBe(true);
    expect(inFlight.release('a')).toBe(true);
    expect(inFlight.isStuck).toBe(false);
    expect(inFlight.has('b')).toBe(true);
    expect(inFlight.settle(20, true)).toBe(false);
  });

  it('are not stuck while any of them is answered, however slowly', async () => {
    inFlight.begin('silent', 1);
    for (let turn = 0; turn < 20; turn++) {
      inFlight.begin('a', 10);
      await jest.advanceTimersByTimeAsync(800);
      inFlight.settle(10, true);
      inFlight.release('a');
    }
    expect(inFlight.isStuck).toBe(false);
  });

  it('are not stuck when this process was frozen', async () => {
    inFlight.begin('a', 10);
    jest.setSystemTime(Date.now() + 60_000);
    await jest.advanceTimersByTimeAsync(300);
    expect(inFlight.isStuck).toBe(false);
  });

  it('stay stuck while they fail without a reply, until none is left; then no timer is left either', async () => {
    inFlight.begin('a', 10);
    inFlight.begin('a', 10);
    await jest.advanceTimersByTimeAsync(1_200);
    expect(inFlight.settle(10, false)).toBe(false);
    expect(inFlight.release('a')).toBe(false);
    expect(inFlight.stuck).toEqual({ events: 1, bytes: 10 });
    expect(inFlight.settle(10, false)).toBe(true);
    expect(inFlight.release('a')).toBe(true);
    expect(inFlight.isStuck).toBe(false);
    await jest.advanceTimersByTimeAsync(200);
    expect(jest.getTimerCount()).toBe(0);
  });
});
