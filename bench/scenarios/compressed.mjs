// @ts-check
import { named } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { ratios } from '../measure/statistics.mjs';
import { addCase, ratioOf, tableOf } from '../measure/table.mjs';

const SIZES = {
  full: { sockets: 500, events: 20, rounds: 9 },
  quick: { sockets: 250, events: 10, rounds: 3 },
  check: { sockets: 5, events: 10, rounds: 1 },
};
/** The allowed multiple of the library's own CPU time without compression. */
const AIM = 1.5;

/** Emit to all with `perMessageDeflate`. @type {import('./all.mjs').Scenario} */
export const compressed = {
  name: 'compressed',
  async run(bench) {
    const { sockets, events: count, rounds } = SIZES[bench.size];
    const table = tableOf(
      'compressed',
      `Emit to all with perMessageDeflate, ${sockets} sockets on each of two instances`,
      'CPU µs per delivered frame',
      'Payload of 2 KB. All clients accept compression. The sum of both instances and Redis.',
    );
    const entries = named('library', 'deflate', 'redis-adapter-deflate');
    await withSettings(bench, entries, 2, async (settings) => {
      const connect = async (/** @type {import('../measure/setting.mjs').Setting} */ setting) => {
        await setting.connect(
          Array.from({ length: sockets * 2 }, (_, i) => ({
            instance: i % 2,
            user: `all-${i}`,
            deflate: true,
          })),
        );
        await setting.settle('all', []);
      };
      await Promise.all(settings.map(connect));
      const each = sockets * 2;
      const work = { to: /** @type {const} */ ('all'), names: [], count, bytes: 2_048 };
      const how = { rounds, warmUp: count, each, units: count * each };
      const all = cpuMeasured(await alternate(settings, work, how));
      addCase(table, 'single events', all);
      const valuesOf = (/** @type {string} */ id) =>
        all.find(({ entry }) => entry.id === id)?.values ?? [];
      const compare = (/** @type {string} */ other, /** @type {number} */ aim, what = other) =>
        table.ratios.push(
          ratioOf('single events', what, ratios(valuesOf('deflate'), valuesOf(other)), aim),
        );
      compare('library', AIM, 'this library, with / without compression');
      compare('redis-adapter-deflate', 1, 'this library / redis-adapter, both with compression');
    });
    return [table];
  },
};
