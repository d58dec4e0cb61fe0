// @ts-check
import { named, PEERS } from '../contestants/contestant.mjs';
import { withSettings } from '../measure/settings.mjs';
import { median } from '../measure/statistics.mjs';
import { addCase, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { rates: [1_000, 5_000], seconds: 2, rounds: 11 },
  quick: { rates: [1_000], seconds: 0.5, rounds: 3 },
  check: { rates: [200], seconds: 1, rounds: 1 },
};

/** The latency of an event. @type {import('./all.mjs').Scenario} */
export const latency = {
  name: 'latency',
  async run(bench) {
    const { rates, seconds, rounds } = SIZES[bench.size];
    const table = tableOf(
      'latency',
      'From the moment an event is due to its arrival at a client of another instance',
      'ms, 99th percentile',
      'Two instances. Events are due at even intervals, even if earlier ones have not arrived. A timer sends due events ' +
        'every ms, which adds about 0.5 ms to each figure. Medians of the rounds; each round has its own histogram.',
    );
    await withSettings(bench, named('floor', 'library', ...PEERS), 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      for (const rate of rates) {
        /** @type {Record<'p50' | 'p99' | 'p999' | 'max', number>[][]} */
        const found = settings.map(() => []);
        // The first round is the warm-up.
        for (let round = 0; round <= rounds; round++) {
          for (const [i, setting] of settings.entries()) {
            const taken = await paced(bench, setting, names, rate, seconds);
            if (round > 0) found[i]?.push(taken);
          }
        }
        const measured = settings.map(({ entry }, i) => {
          const of = (/** @type {'p50' | 'p999' | 'max'} */ name) =>
            median((found[i] ?? []).map((taken) => taken[name] / 1_000));
          return {
            entry,
            values: (found[i] ?? []).map(({ p99 }) => p99 / 1_000),
            parts: { p50: of('p50'), 'p99.9': of('p999'), max: of('max') },
          };
        });
        addCase(table, `${rate.toLocaleString('en-US')} events/s`, measured, { bestPeer: 1 });
      }
    });
    return [table];
  },
};

/**
 * @param {import('./all.mjs').Bench} bench
 * @param {import('../measure/setting.mjs').Setting} setting
 * @param {string[]} names
 * @param {number} rate
 * @param {number} seconds
 */
async function paced({ clients }, setting, names, rate, seconds) {
  await clients.call('latency');
  setting.sent += await setting.publisher.call('pace', names, rate, seconds);
  setting.judge(await clients.call('arrived', setting.group, setting.sent, 0, 30_000));
  const taken = await clients.call('latency');
  if (taken.count !== rate * seconds) throw new Error(`${taken.count} latencies were recorded`);
  return taken;
}
