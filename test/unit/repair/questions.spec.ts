import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FROM_NOTHING, Outage, type Pull } from '../../../src/repair/outage.js';
import { Questions } from '../../../src/repair/questions.js';

interface Asked {
  readonly origin: string;
  readonly signal: AbortSignal;
  answer(page: string): void;
  refuse(): void;
}

describe('questions to other instances', () => {
  let outage: Outage;
  let asked: Asked[];
  let taken: string[];
  let settled: number;
  let isAskedAgain: boolean;
  let questions: Questions<string>;

  beforeEach(() => {
    jest.useFakeTimers();
    outage = new Outage();
    asked = [];
    taken = [];
    settled = 0;
    isAskedAgain = true;
    questions = new Questions<string>({
      ask: ({ origin }, signal) =>
        new Promise((resolve, reject) => {
          const refuse = (): void => reject(new Error('no answer'));
          asked.push({ origin, signal, answer: resolve, refuse });
        }),
      take: (pull, page) => {
        if (page === 'wrong') throw new TypeError('wrong');
        taken.push(`${pull.origin} ${page}`);
        if (page === 'last') pull.state = 'done';
      },
      unanswered: () => isAskedAgain,
      settled: () => void settled++,
      failed: (error) => {
        throw error;
      },
    });
  });
  afterEach(() => {
    questions.end();
    jest.useRealTimers();
  });

  const pullOf = (origin: string): Pull => outage.add(origin, FROM_NOTHING, true);
  const origins = (): string[] => asked.map(({ origin }) => origin);
  const next = async (page: string): Promise<void> => {
    asked.shift()?.answer(page);
    await jest.advanceTimersByTimeAsync(0);
  };

  it('go to one instance one after the other, until the pull is done', async () => {
    const pull = pullOf('a');
    questions.add(pull);
    questions.add(pull);
    expect([origins(), pull.state]).toEqual([['a'], 'asking']);
    await next('first');
    await next('last');
    expect([taken, asked, settled]).toEqual([['a first', 'a last'], [], 1]);
  });

  it('go to four instances at a time', async () => {
    for (const origin of ['a', 'b', 'c', 'd', 'e', 'f']) questions.add(pullOf(origin));
    expect(origins()).toEqual(['a', 'b', 'c', 'd']);
    await next('last');
    expect(origins()).toEqual(['b', 'c', 'd', 'e']);
  });

  it.each([
    ['where there is no answer', () => asked.shift()?.refuse()],
    ['where the answer is none', () => asked.shift()?.answer('wrong')],
  ])('are repeated after a pause that grows, %s', async (_, answer) => {
    questions.add(pullOf('a'));
    for (const ms of [100, 200, 300]) {
      answer();
      await jest.advanceTimersByTimeAsync(ms - 1);
      expect(asked).toEqual([]);
      await jest.advanceTimersByTimeAsync(1);
      expect(origins()).toEqual(['a']);
    }
    isAskedAgain = false;
    answer();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
  });

  it('end at once: their answers are not taken, and nothing is repeated', async () => {
    questions.add(pullOf('a'));
    questions.add(pullOf('b'));
    asked.shift()?.refuse();
    await jest.advanceTimersByTimeAsync(1);
    const [open] = asked;
    questions.end();
    expect(open?.signal.aborted).toBe(true);
    await next('first');
    await jest.advanceTimersByTimeAsync(60_000);
    expect([taken, asked]).toEqual([[], []]);
    outage.waitAgain();
    questions.add(outage.pullOf('b'));
    await next('last');
    expect(taken).toEqual(['b last']);
  });

  it('drop the page of an instance that has ended meanwhile: what it left is read from the beginning', async () => {
    const pull = pullOf('a');
    questions.add(pull);
    pull.hasEnded = true;
    await next('first');
    expect([taken, origins()]).toEqual([[], ['a']]);
  });
});
