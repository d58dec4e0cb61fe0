import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Superseded } from '../../../src/cluster/cluster-requests.js';
import { repairedIn, repairServer } from '../../../src/repair/repair-server.js';
import { until } from '../../support/until.js';

const KEPT = Array.from({ length: 5 }, (_, i) => ({
  channel: 'c',
  bytes: randomBytes(200 * 1024),
  sequence: i + 1,
  at: 0,
}));

/** The number of parts of a reply, without the last one. */
const fourOf = (origin: string): string[] => Array.from({ length: 4 }, () => origin);

describe('replies to repair requests', () => {
  /** The receiving instance of each part. */
  let sent: string[];

  function given() {
    sent = [];
    const handler = repairServer({
      instanceId: 'f'.repeat(16),
      maxMessageBytes: 1024 * 1024,
      since: () => ({ publishes: KEPT, lastEvicted: undefined }),
    });
    /** Sends a request. Each call of `letGo` lets the next part go out. */
    return (origin: string, timeoutMs = 1_000) => {
      let signs = 0;
      const waiting: (() => void)[] = [];
      const emit = (part: unknown): Promise<boolean> => {
        if (repairedIn(part)?.envelopes.length === 0) signs++;
        else sent.push(origin);
        return new Promise((resolve) => waiting.push(() => resolve(true)));
      };
      const params = { ageMs: 1_000, channels: Buffer.alloc(0) };
      const answer = Promise.resolve(handler(params, { origin, timeoutMs, push: emit }));
      let isOver = false;
      const over = (): void => {
        isOver = true;
      };
      answer.then(over, over);
      return {
        signs: () => signs,
        answer,
        letGo: async (): Promise<void> => {
          await until(
            () => {
              for (const go of waiting.splice(0)) go();
              return isOver;
            },
            () => 'the end of an answer',
          );
        },
      };
    };
  }

  it('are given one after another, and a waiting instance is told to keep waiting', async () => {
    const ask = given();
    const [first, second, third] = [ask('a'), ask('b', 40), ask('c')];
    await until(
      () => second.signs() >= 2,
      () => 'signs of life',
    );
    expect(sent).toEqual(['a']);
    await Promise.all([first.letGo(), second.letGo(), third.letGo()]);
    expect(sent).toEqual([...fourOf('a'), ...fourOf('b'), ...fourOf('c')]);
    for (const { answer } of [first, second, third]) {
      expect(repairedIn(await answer)?.envelopes).toHaveLength(1);
    }
  });

  it('are stopped if the same instance asks again', async () => {
    const ask = given();
    const [older, other, waiting] = [ask('a'), ask('b'), ask('c')];
    // It keeps its place in the queue.
    const instead = ask('c');
    const newer = ask('a');
    await expect(waiting.answer).rejects.toThrow(Superseded);
    await Promise.all([older, other, instead, newer].map(({ letGo }) => letGo()));
    await expect(older.answer).rejects.toThrow(Superseded);
    expect(sent).toEqual(['a', ...fourOf('b'), ...fourOf('c'), ...fourOf('a')]);
    expect(repairedIn(await newer.answer)?.envelopes).toHaveLength(1);
  });
});
