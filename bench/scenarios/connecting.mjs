// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { named, PEERS } from '../contestants/contestant.mjs';
import { Setting } from '../measure/setting.mjs';
import { median } from '../measure/statistics.mjs';
import { addCase, tableOf } from '../measure/table.mjs';

const SIZES = {
  full: { users: 5_000, rounds: 3, first: 2_000 },
  quick: { users: 1_000, rounds: 1, first: 1_500 },
  check: { users: 50, rounds: 1, first: 10 },
};
const AT_ONCE = 100;

/** @typedef {{ cpu: number, perSecond: number, heap: number, rss: number, redis: number }} Found for each user */

/** Authenticated users who connect and stay. @type {import('./all.mjs').Scenario} */
export const connecting = {
  name: 'connecting',
  async run(bench) {
    const { users, rounds } = SIZES[bench.size];
    const number = users.toLocaleString('en-US');
    const connects = tableOf(
      'connecting',
      `${number} authenticated users connect to one instance, ${AT_ONCE} at a time`,
      'CPU µs per connection, instance and Redis',
      'Each round starts a new instance. Connects per second are wall time on a machine that also runs the clients.',
    );
    const idle = tableOf(
      'idle',
      `${number} idle users of one instance`,
      'bytes of heap per socket on the instance',
      'After a full garbage collection. RSS is the memory that the process takes from the operating system.',
    );
    const entries = named('bare', 'nest', 'library', 'no-presence', ...PEERS);
    /** @type {Found[][]} */
    const found = entries.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, entry] of entries.entries()) found[i]?.push(await one(bench, entry, users));
    }
    const of = (/** @type {number} */ i, /** @type {keyof Found} */ name) =>
      (found[i] ?? []).map((figures) => figures[name]);
    const measured = (
      /** @type {keyof Found} */ name,
      /** @type {Record<string, keyof Found>} */ more,
    ) =>
      entries.map((entry, i) => ({
        entry,
        values: of(i, name),
        parts: Object.fromEntries(
          Object.entries(more).map(([head, part]) => [head, median(of(i, part))]),
        ),
      }));
    addCase(connects, 'connecting', measured('cpu', { 'connects/s': 'perSecond' }), {
      floor: 1.25,
    });
    const bytes = { 'RSS per socket': 'rss', 'Redis per user': 'redis' };
    addCase(idle, 'idle', measured('heap', /** @type {any} */ (bytes)), { floor: 1.15 });
    return [connects, idle];
  },
};

/**
 * @param {import('./all.mjs').Bench} bench
 * @param {import('../contestants/contestant.mjs').Entry} entry
 * @param {number} users
 * @returns {Promise<Found>}
 */
async function one(bench, entry, users) {
  const setting = new Setting(entry, bench, { execArgv: ['--expose-gc'] });
  try {
    await setting.grow(1);
    // Load and compile all code before the first measurement.
    await setting.connect(usersOf('first', SIZES[bench.size].first), AT_ONCE);
    const redis = await settledMemory(bench.admin);
    const memory = await setting.publisher.call('memory');
    let took = 0;
    const used = await setting.measured(async () => {
      took = await setting.connect(usersOf('user', users), AT_ONCE);
    });
    const redisAfter = await settledMemory(bench.admin);
    const after = await setting.publisher.call('memory');
    return {
      cpu: used.total / users,
      perSecond: (users / took) * 1_000,
      heap: (after.heap - memory.heap) / users,
      rss: (after.rss - memory.rss) / users,
      redis: (redisAfter - redis) / users,
    };
  } finally {
    await setting.close();
  }
}

/** @param {string} name @param {number} count */
function usersOf(name, count) {
  return Array.from({ length: count }, (_, i) => ({ instance: 0, user: `${name}-${i}` }));
}

/** The memory of Redis, once it is stable. @param {import('ioredis').Redis} admin */
async function settledMemory(admin) {
  const used = async () => Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
  let last = await used();
  for (let i = 0; i < 20; i++) {
    await sleep(300);
    const now = await used();
    if (Math.abs(now - last) < 0.005 * now) return now;
    last = now;
  }
  return last;
}
