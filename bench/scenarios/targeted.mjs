// @ts-check
import { named, PEERS } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { addCase, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { events: 1_500, rounds: 25, warmUp: 4_000 },
  quick: { events: 500, rounds: 7, warmUp: 800 },
  check: { events: 100, rounds: 1, warmUp: 20 },
};
/** @type {[label: string, bytes: number, burst: number][]} */
const CASES = [
  ['100 B, one by one', 100, 1],
  ['100 B, 20 in a tick', 100, 20],
  ['2 KB, one by one', 2_048, 1],
  ['2 KB, 20 in a tick', 2_048, 20],
];

/** An event for a user on another instance. @type {import('./all.mjs').Scenario} */
export const targeted = {
  name: 'targeted',
  async run(bench) {
    const { events, rounds, warmUp } = SIZES[bench.size];
    const table = tableOf(
      'targeted',
      'An event for a user on another instance',
      'CPU µs per event',
      'Two instances. One by one: each event is sent after Redis has accepted the previous one.',
    );
    const entries = named('floor', 'library', 'no-presence', ...PEERS);
    await withSettings(bench, entries, 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      for (const [label, bytes, burst] of CASES) {
        const work = { to: /** @type {const} */ ('user'), names, count: events, burst, bytes };
        const all = await alternate(settings, work, {
          rounds,
          warmUp,
          each: 1,
          units: events,
        });
        addCase(table, label, cpuMeasured(all), { floor: 1.25, bestPeer: 0.5 });
      }
    });
    return [table];
  },
};
