// @ts-check
import { named, PEERS } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { addCase, tableOf } from '../measure/table.mjs';

const SIZES = {
  full: { sockets: 500, events: 60, rounds: 17 },
  quick: { sockets: 250, events: 20, rounds: 3 },
  check: { sockets: 5, events: 30, rounds: 1 },
};
/** Events in one tick, and the aims. @type {[burst: number, aims: { floor?: number, bestPeer?: number }][]} */
const CASES = [
  [1, { floor: 1.05 }],
  [10, { bestPeer: 1 / 3 }],
  [30, { bestPeer: 1 / 3 }],
];

/** Emit to all: single events, and bursts. @type {import('./all.mjs').Scenario} */
export const broadcast = {
  name: 'broadcast',
  async run(bench) {
    const { sockets, events, rounds } = SIZES[bench.size];
    const table = tableOf(
      'broadcast',
      `Emit to all, ${sockets} sockets on each of two instances`,
      'CPU µs per delivered frame',
      'Payload of 100 bytes. The sum of both instances and Redis. A burst is sent in one tick of the event loop.',
    );
    const entries = named('floor', 'ws-send', 'library', 'not-coalesced', ...PEERS);
    await withSettings(bench, entries, 2, async (settings) => {
      const connect = async (/** @type {import('../measure/setting.mjs').Setting} */ setting) => {
        await setting.connect(
          Array.from({ length: sockets * 2 }, (_, i) => ({ instance: i % 2, user: `all-${i}` })),
        );
        await setting.settle('all', []);
      };
      await Promise.all(settings.map(connect));
      const each = sockets * 2;
      for (const [burst, aims] of CASES) {
        const count = Math.ceil(events / burst) * burst;
        const work = { to: /** @type {const} */ ('all'), names: [], count, burst };
        const how = { rounds, warmUp: count, each, units: count * each };
        const all = await alternate(settings, work, how);
        addCase(
          table,
          burst === 1 ? 'single events' : `${burst} in a tick`,
          cpuMeasured(all),
          aims,
        );
      }
    });
    return [table];
  },
};
