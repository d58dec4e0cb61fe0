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
      expect(request.receive('a', part)).toBe(true);
    }
    jest.advanceTimersByTime(1_001);
    expect(request.receive('a', part)).toBe(false);
    expect(await request.outcome).toMatchObject({ missing: ['a'], complete: false });
  });
});

/** Whether a reply counts that arrives after this process was busy. */
async function replyTo(stretch: number): Promise<boolean> {
  const request = new PendingRequest(['a'], 200, { stretch }, fail);
  request.delivered({ instances: 1, unknownSubscribers: 0 });
  for (const end = performance.now() + 250; performance.now() < end;);
  await new Promise((resolve) => setTimeout(resolve, 60));
  return request.receive('a', { ...part, done: true });
}

describe('a request of a process that was busy for longer than its time', () => {
  it('waits for the reply if it may: the other instance has replied in time', async () => {
    expect(await replyTo(1_000)).toBe(true);
    expect(await replyTo(1)).toBe(false);
  });
});

describe('a request to which somebody replies without end', () => {
  it('keeps nothing of more than 4,096 instances that were not asked, nor more than 65,536 parts of one', () => {
    const parts: string[] = [];
    const onPart = (from: string): void => void parts.push(from);
    const request = new PendingRequest(['a'], 600_000, { onPart }, fail);
    const taken = Array.from({ length: 5_000 }, (_, i) => request.receive(`forged-${i}`, part));
    expect(taken.filter(Boolean)).toHaveLength(4_096);
    for (let number = 0; number < 70_000; number++) request.receive('a', { ...part, number });
    expect(parts.filter((from) => from === 'a')).toHaveLength(65_536);
    request.failed();
  });
});

describe('a request that Redis has also delivered to subscribers that are no instances', () => {
  const reply = { type: 'reply', id: 1, done: true, part: [] } as const;

  it('ends when a heartbeat has found all of them, and not before all members have replied', async () => {
    const request = new PendingRequest(['a', 'b'], 600_000, {}, fail);
    let over = false;
    void request.outcome.then(() => (over = true));
    request.delivered({ instances: 4, unknownSubscribers: 0 });
    request.receive('a', reply);
    request.unknownSubscribers(2);
    await Promise.resolve();
    expect(over).toBe(false);
    request.receive('b', reply);
    expect(await request.outcome).toEqual({ replied: ['a', 'b'], missing: [], complete: true });
  });

  it('still waits for one that no heartbeat has found, since it may be a new instance', async () => {
    jest.useFakeTimers();
    const request = new PendingRequest(['a'], 1_000, {}, fail);
    request.delivered({ instances: 3, unknownSubscribers: 1 });
    request.receive('a', reply);
    request.unknownSubscribers(0);
    request.unknownSubscribers(1);
    await jest.advanceTimersByTimeAsync(1_001);
    expect(await request.outcome).toMatchObject({ missing: [], complete: false });
    jest.useRealTimers();
  });
});

describe('a request that did not reach every member', () => {
  it('knows the members from which nothing has come, until it ends', async () => {
    const request = new PendingRequest(['a', 'b', 'c', 'd'], 600_000, {}, fail);
    expect(request.silent).toEqual(['a', 'b', 'c', 'd']);
    request.receive('a', { ...part, number: 0 });
    request.gone('b', 'left');
    request.receive('c', { type: 'reply', id: 1, done: true, error: 'failed' });
    expect(request.silent).toEqual(['d']);
    expect(request.answering).toBe(2);
    request.failed();
    expect(request.silent).toEqual([]);
    expect(await request.outcome).toMatchObject({ complete: false });
  });
});
