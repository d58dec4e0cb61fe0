import { afterEach, expect, it, jest } from '@jest/globals';
import { asked } from '../../../src/reporting/asked.js';

afterEach(() => {
  jest.useRealTimers();
});

it('asks once for all that ask in one turn of the event loop, or within 25 ms of the last question', async () => {
  jest.useFakeTimers();
  const questions: number[] = [];
  const ask = asked((withinMs) => {
    questions.push(withinMs);
    return Promise.resolve(true);
  }, fail);

  const first = [ask(1), ask(2)];
  await jest.advanceTimersByTimeAsync(1);
  expect(await Promise.all(first)).toEqual([true, true]);
  expect(questions).toEqual([1]);

  // What happened since the last question is not in its answer.
  const later = [ask(3)];
  await jest.advanceTimersByTimeAsync(10);
  later.push(ask(4));
  expect(questions).toEqual([1]);
  await jest.advanceTimersByTimeAsync(20);
  expect(await Promise.all(later)).toEqual([true, true]);
  expect(questions).toEqual([1, 3]);
});

it('takes an error for a no', async () => {
  const ask = asked(() => Promise.reject(new Error('lost')), fail);
  expect(await ask(1)).toBe(false);
});

function fail(error: unknown): void {
  throw error;
}
