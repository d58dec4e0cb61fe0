import { expect, it, jest } from '@jest/globals';
import { TimeLimit } from '../../../src/reporting/time-limit.js';

const FAR_MS = 600_000;

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** Whether the limit is over before a reply that arrives so long after this process was blocked. */
async function endsBefore(replyMs: number, mostMs: number): Promise<boolean> {
  let isOver = false;
  const limit = new TimeLimit(
    200,
    () => undefined,
    () => (isOver = true),
    mostMs,
  );
  block(250);
  await new Promise((resolve) => setTimeout(resolve, replyMs));
  limit.clear();
  return isOver;
}

it('counts only the time in which this process runs, if it may: nine of ten steps are left after it was blocked', async () => {
  expect(await endsBefore(60, FAR_MS)).toBe(false);
  expect(await endsBefore(60, 200)).toBe(true);
  expect(await endsBefore(60, 220)).toBe(true);
});

it('is over after its time, restarted by renew(), and at most that long however slow the process is', () => {
  jest.useFakeTimers();
  const over: string[] = [];
  const given = (name: string, mostMs: number) =>
    new TimeLimit(
      1_000,
      () => undefined,
      () => over.push(name),
      mostMs,
    );
  given('plain', 1_000);
  given('stretched', 2_000);
  const renewed = given('renewed', 2_000);
  jest.advanceTimersByTime(900);
  renewed.renew();
  expect(over).toEqual([]);
  jest.advanceTimersByTime(101);
  expect(over).toEqual(['plain', 'stretched']);
  jest.advanceTimersByTime(898);
  expect(over).toEqual(['plain', 'stretched']);
  jest.advanceTimersByTime(2);
  expect(over).toEqual(['plain', 'stretched', 'renewed']);
  jest.useRealTimers();
});
