// @ts-check
import { named, PEERS } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { ratios } from '../measure/statistics.mjs';
import { addCase, ratioOf, tableOf } from '../measure/table.mjs';
import { connectUsers, USERS, WARM_UP } from './users.mjs';

const SIZES = {
  full: { events: 1_500, rounds: 25, warmUp: 4_000 },
  quick: { events: 500, rounds: 7, warmUp: 800 },
  check: { events: 100, rounds: 1, warmUp: 20 },
};
/** The publisher may use this multiple of the CPU time of the floor's. */
const PUBLISHER_AIM = 1.4;
const CASES = /** @type {const} */ ([
  ['100 B, one by one', { bytes: 100 }],
  ['100 B, one in each turn', { bytes: 100, unawaited: true }],
  ['100 B, 20 in a tick', { bytes: 100, burst: 20 }],
  ['100 B, 2,000/s', { bytes: 100, perSecond: 2_000 }],
  ['2 KB, one by one', { bytes: 2_048 }],
  ['2 KB, 20 in a tick', { bytes: 2_048, burst: 20 }],
]);

/** An event for a user on another instance. @type {import('./all.mjs').Scenario} */
export const targeted = {
  name: 'targeted',
  async run(bench) {
    const { events, rounds, warmUp } = SIZES[bench.size];
    const table = tableOf(
      'targeted',
      'An event for a user on another instance',
      'CPU µs per event',
      'Two instances. One by one, and 20 in a tick: the next are sent after Redis has accepted the previous ones. ' +
        'One in each turn: of the event loop, as fast as it goes, without waiting for Redis. 2,000/s: due at even intervals; ' +
        'a timer sends those that are due every ms, and its CPU time counts.',
    );
    const entries = named('floor', 'library', 'no-presence', ...PEERS);
    await withSettings(bench, entries, 2, async (settings) => {
      const names = await connectUsers(settings, USERS, WARM_UP[bench.size]);
      for (const [label, how] of CASES) {
        const work = { to: /** @type {const} */ ('user'), names, count: events, ...how };
        const all = await alternate(settings, work, {
          rounds,
          warmUp,
          each: 1,
          units: events,
        });
        addCase(table, label, cpuMeasured(all), { bestPeer: 1 });
        const publisherOf = (/** @type {string} */ kind) =>
          all.find(({ entry }) => entry.kind === kind)?.rounds.map(({ publisher }) => publisher);
        const [own, floor] = [publisherOf('library'), publisherOf('floor')];
        if (own === undefined || floor === undefined) continue;
        const value = ratios(own, floor);
        table.ratios.push(ratioOf(label, 'publisher: this library / floor', value, PUBLISHER_AIM));
      }
    });
    return [table];
  },
};
