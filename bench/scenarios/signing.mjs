// @ts-check
import { named } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { ratios } from '../measure/statistics.mjs';
import { addCase, ratioOf, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { events: 10_000, rounds: 7 },
  quick: { events: 1_000, rounds: 3 },
  check: { events: 100, rounds: 1 },
};

/** The cost of the option `secret`. @type {import('./all.mjs').Scenario} */
export const signing = {
  name: 'signing',
  notInQuick: true,
  async run(bench) {
    const { events: count, rounds } = SIZES[bench.size];
    const table = tableOf(
      'signing',
      'An event for a user on another instance, signed and not',
      'CPU µs per event',
      'Two instances, one event at a time. Each event is signed once and verified once.',
    );
    await withSettings(bench, named('library', 'signed'), 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      for (const bytes of [100, 2_048]) {
        const work = { to: /** @type {const} */ ('user'), names, count, burst: 1, bytes };
        const how = { rounds, warmUp: count / 2, each: 1, units: count };
        const measured = cpuMeasured(await alternate(settings, work, how));
        const name = bytes === 100 ? '100 B' : '2 KB';
        addCase(table, name, measured);
        const [plain, signed] = measured;
        const value = ratios(signed?.values ?? [], plain?.values ?? []);
        table.ratios.push(ratioOf(name, 'signed / not signed', value));
      }
    });
    return [table];
  },
};
