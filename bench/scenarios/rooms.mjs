// @ts-check
import { named } from '../contestants/contestant.mjs';
import { cpuMeasured } from '../measure/parts.mjs';
import { alternate } from '../measure/rounds.mjs';
import { withSettings } from '../measure/settings.mjs';
import { addCase, tableOf } from '../measure/table.mjs';

const INSTANCES = 4;
const SIZES = {
  full: { frames: 12_000, rounds: 21, warmUp: 40_000 },
  quick: { frames: 2_000, rounds: 5, warmUp: 4_000 },
  check: { frames: 800, rounds: 1, warmUp: 400 },
};
/** @type {[members: number, rooms: number][]} */
const CASES = [
  [2, 20],
  [20, 5],
  [200, 2],
];

/** Rooms with members on all of four instances. @type {import('./all.mjs').Scenario} */
export const rooms = {
  name: 'rooms',
  async run(bench) {
    const { frames, rounds, warmUp } = SIZES[bench.size];
    const table = tableOf(
      'rooms',
      'An event for a room whose members are spread over four instances',
      'CPU µs per delivered frame',
      "Payload of 100 bytes, one event at a time. The tutorial's design has no rooms.",
    );
    const peers = ['redis-adapter', 'sharded-adapter', 'streams-adapter'];
    await withSettings(bench, named('floor', 'library', ...peers), INSTANCES, async (settings) => {
      const all = CASES.flatMap(([members, count]) => roomNames(members, count));
      const connect = async (/** @type {import('../measure/setting.mjs').Setting} */ setting) => {
        await setting.connect(CASES.flatMap(([members, count]) => membersOf(members, count)));
        await setting.settle('room', all);
      };
      await Promise.all(settings.map(connect));
      for (const [members, count] of CASES) {
        const names = roomNames(members, count);
        const events = Math.ceil(frames / members / count) * count;
        const work = { to: /** @type {const} */ ('room'), names, count: events, burst: 1 };
        const how = { rounds, warmUp: warmUp / members, each: members, units: events * members };
        const found = await alternate(settings, work, how);
        addCase(table, `${members} members`, cpuMeasured(found), {
          bestPeer: members === 2 ? 0.9 : 1,
        });
      }
    });
    return [table];
  },
};

/** @param {number} members @param {number} count */
function roomNames(members, count) {
  return Array.from({ length: count }, (_, i) => `room-${members}-${i}`);
}

/** @param {number} members @param {number} count */
function membersOf(members, count) {
  return roomNames(members, count).flatMap((room, r) =>
    Array.from({ length: members }, (_, i) => ({
      // Rooms of two have their members on different instances, in all combinations.
      instance: (r + i) % INSTANCES,
      user: `${room}-${i}`,
      rooms: [room],
    })),
  );
}
