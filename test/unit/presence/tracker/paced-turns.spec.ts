import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PacedTurns } from '../../../../src/presence/tracker/paced-turns.js';

describe('PacedTurns', () => {
  let turns: PacedTurns;
  let begun: number;
  beforeEach(() => {
    jest.useFakeTimers();
    turns = new PacedTurns();
    begun = 0;
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const ask = (): void => void turns.next().then(() => begun++);

  it('lets all requests of a turn start together, in the next turn', async () => {
    ask();
    ask();
    expect(begun).toBe(0);
    await jest.advanceTimersByTimeAsync(0);
    expect(begun).toBe(2);
  });

  it('pauses for 5 ms if one turn directly follows another', async () => {
    ask();
    await jest.advanceTimersByTimeAsync(0);
    ask();
    await jest.advanceTimersByTimeAsync(4);
    expect(begun).toBe(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(begun).toBe(2);
  });

  it('does not pause after an idle time', async () => {
    ask();
    await jest.advanceTimersByTimeAsync(5);
    ask();
    await jest.advanceTimersByTimeAsync(0);
    expect(begun).toBe(2);
  });
});
