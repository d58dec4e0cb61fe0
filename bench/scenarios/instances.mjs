// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { named, PEERS } from '../contestants/contestant.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { median, ratios } from '../measure/statistics.mjs';
import { addCase, ratioOf, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { events: 2_000, rounds: 13, counts: [2, 4, 8, 16], idleMs: 5_000 },
  quick: { events: 500, rounds: 3, counts: [2, 4], idleMs: 1_000 },
  check: { events: 40, rounds: 1, counts: [2, 3], idleMs: 100 },
};

/** The same event, with more and more instances. @type {import('./all.mjs').Scenario} */
export const instances = {
  name: 'instances',
  async run(bench) {
    const { events, rounds, counts, idleMs } = SIZES[bench.size];
    const table = tableOf(
      'instances',
      'An event for a user on another instance, by the number of instances',
      'CPU µs per event, all processes added up',
      'Payload of 100 bytes, one event at a time. The idle CPU time of the same processes is subtracted.',
    );
    /** @type {{ x: number, y: number, who: import('../measure/table.mjs').Who }[]} */
    const points = [];
    /** @type {number[][]} */
    const ofLibrary = [];
    await withSettings(bench, named('floor', 'library', ...PEERS), 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      for (const count of counts) {
        await Promise.all(settings.map((setting) => setting.grow(count)));
        const work = { to: /** @type {const} */ ('user'), names, count: events, burst: 1 };
        const how = { rounds, warmUp: events, each: 1, units: events };
        const idle = await idleOf(settings, idleMs);
        const all = await alternate(settings, work, how);
        const measured = all.map((one, i) => ({
          entry: one.entry,
          values: one.rounds.map(({ total, ms }) => total - ((idle[i] ?? 0) * ms) / events),
          parts: { 'idle, % of a core': (idle[i] ?? 0) / 10 },
        }));
        addCase(table, `${count} instances`, measured);
        for (const { entry, values } of measured) {
          if (entry.id === 'library') ofLibrary.push(values);
          points.push({ x: count, y: median(values), who: entry });
        }
      }
    });
    const least = ofLibrary[0] ?? [];
    const most = ofLibrary.at(-1) ?? [];
    const what = `this library, ${counts.at(-1)} instances / ${counts[0]}`;
    table.ratios.push(ratioOf('all', what, ratios(most, least), 1.3));
    return [{ ...table, curve: { x: 'instances', points } }];
  },
};

/**
 * CPU µs that the processes of each contestant use in an idle millisecond. The share of Redis counts for each of
 * them, as in the rounds.
 *
 * @param {import('../measure/setting.mjs').Setting[]} settings
 * @param {number} ms
 */
async function idleOf(settings, ms) {
  // Wait for background work of the start.
  await sleep(ms);
  const before = await Promise.all(settings.map((setting) => setting.cpu()));
  await sleep(ms);
  const after = await Promise.all(settings.map((setting) => setting.cpu()));
  return after.map((used, i) => (sum(used) - sum(before[i] ?? [])) / ms);
}

/** @param {number[]} all */
function sum(all) {
  return all.reduce((total, one) => total + one, 0);
}
