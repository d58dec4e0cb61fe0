// @ts-check
import { median } from './statistics.mjs';

/**
 * Results of `alternate` in the form for `addCase`: CPU µs, and where they were used.
 *
 * @param {import('./rounds.mjs').Rounds[]} all
 */
export function cpuMeasured(all) {
  return all.map(({ entry, rounds }) => {
    const of = (/** @type {'publisher' | 'subscribers' | 'redis'} */ part) =>
      median(rounds.map((used) => used[part]));
    return {
      entry,
      values: rounds.map(({ total }) => total),
      parts: { publisher: of('publisher'), subscribers: of('subscribers'), Redis: of('redis') },
    };
  });
}
