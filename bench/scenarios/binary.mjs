// @ts-check
import { named } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { addCase, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { events: 300, rounds: 21, warmUp: 4_000 },
  quick: { events: 60, rounds: 5, warmUp: 300 },
  check: { events: 20, rounds: 1, warmUp: 20 },
};

/** 64 KB of bytes for a user on another instance. @type {import('./all.mjs').Scenario} */
export const binary = {
  name: 'binary',
  async run(bench) {
    const { events: count, rounds, warmUp } = SIZES[bench.size];
    const table = tableOf(
      'binary',
      'A Buffer of 64 KB for a user on another instance',
      'CPU µs per event',
      "Two instances, one event at a time. The tutorial's design uses JSON and has no binary payloads.",
    );
    const peers = ['redis-adapter', 'sharded-adapter', 'streams-adapter'];
    await withSettings(bench, named('floor', 'library', ...peers), 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      const work = {
        to: /** @type {const} */ ('user'),
        names,
        count,
        burst: 1,
        bytes: /** @type {const} */ ('binary'),
      };
      const how = { rounds, warmUp, each: 1, units: count };
      addCase(table, '64 KB', cpuMeasured(await alternate(settings, work, how)), { floor: 1.5 });
    });
    return [table];
  },
};
