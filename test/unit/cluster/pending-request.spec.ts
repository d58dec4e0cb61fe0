import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PendingRequest } from '../../../src/cluster/pending-request.js';

const fail = (error: unknown): never => {
  throw error;
};

const part = { type: 'reply', id: 1, done: false, part: [] } as const;

describe('a request with a reply in many parts', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is given up if no part arrives for that long', async () => {
    const request = new PendingRequest(['a'], 1_000, { partsExtendDeadline: true }, fail);
    request.delivered({ instances: 1, unknownSubscribers: 0 });
    for (let i = 0; i < 5; i++) {
      jest.advanceTimersByTime(900);
      expect(request.answered('a', part)).toBe(true);
    }
    jest.advanceTimersByTime(1_001);
    expect(request.answered('a', part)).toBe(false);
    expect(await request.outcome).toMatchObject({ missing: ['a'], complete: false });
  });
});
