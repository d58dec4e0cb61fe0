// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { named, PEERS } from '../contestants/contestant.mjs';
import { Setting } from '../measure/setting.mjs';
import { median } from '../measure/statistics.mjs';
import { addCase, tableOf } from '../measure/table.mjs';

const SIZES = {
  full: { connections: 12_500, rounds: 3 },
  quick: { connections: 500, rounds: 1 },
  check: { connections: 20, rounds: 1 },
};
/** Sockets on each connection, each with its own user: so many users fit into the usual limit of open files. */
const NAMESPACES = 4;
const SAMPLE = 100;
const EVERY_MS = 10;
const CHUNK = 500;

/** The Redis connections of an instance are cut. @type {import('./all.mjs').Scenario} */
export const storm = {
  name: 'storm',
  async run(bench) {
    const { connections, rounds } = SIZES[bench.size];
    const users = (connections * NAMESPACES).toLocaleString('en-US');
    const table = tableOf(
      'storm',
      `The Redis connections of an instance with ${users} users are cut`,
      'ms until every user is reachable again',
      `${connections.toLocaleString('en-US')} connections with ${NAMESPACES} namespaces, a user in each. Another ` +
        `instance sends an event to each of ${SAMPLE} users every ${EVERY_MS} ms, including the first and the last to ` +
        'connect, and then to all users as a check. Lost: the share of the events to the sample that never arrive.',
    );
    const measured = [];
    for (const entry of named('library', ...PEERS)) {
      const found = await cutOften(bench, entry, connections, rounds);
      const lost = median(found.map((one) => one.lost));
      measured.push({ entry, values: found.map(({ ms }) => ms), parts: { 'lost, %': lost * 100 } });
    }
    addCase(table, 'connections cut', measured, { bestPeer: 1 });
    return [table];
  },
};

/**
 * @param {import('./all.mjs').Bench} bench
 * @param {import('../contestants/contestant.mjs').Entry} entry
 * @param {number} connections
 * @param {number} rounds
 */
async function cutOften(bench, entry, connections, rounds) {
  const { admin } = bench;
  const setting = new Setting(entry, bench, { env: { NAMESPACES: String(NAMESPACES) } });
  try {
    await setting.grow(1);
    const others = new Set(await connectionIds(admin));
    await setting.grow(2);
    /** @type {[id: number, name: string][]} */
    const users = [];
    await setting.connect(
      Array.from({ length: connections }, (_, i) => {
        const more = Array.from({ length: NAMESPACES - 1 }, (__, n) => {
          /** @type {[string, string]} */
          const pair = [`/n${n + 1}`, `u${n + 1}-${i}`];
          users.push([users.length, `${pair[1]}|${pair[0]}`]);
          return pair;
        });
        users.push([users.length, `u0-${i}|/`]);
        // A local port can be used once for each address of the client.
        return { instance: 1, user: `u0-${i}`, more, localAddress: `127.0.0.${2 + (i % 4)}` };
      }),
    );
    await reachedAll(bench, setting, users);
    const found = [];
    for (let round = 0; round < rounds; round++) {
      const ids = (await connectionIds(admin)).filter((id) => !others.has(id));
      found.push(await cut(bench, setting, users, ids));
    }
    return found;
  } finally {
    await setting.close();
  }
}

/**
 * @param {import('./all.mjs').Bench} bench
 * @param {Setting} setting
 * @param {[id: number, name: string][]} users
 * @param {string[]} ids of the connections to cut
 */
async function cut(bench, setting, users, ids) {
  const { admin, clients } = bench;
  const step = Math.max(1, Math.floor(users.length / SAMPLE));
  const sample = users.filter(([id]) => id % step === 0 || id >= users.length - 4);
  await clients.call('probes');
  const start = Number(process.hrtime.bigint() / 1_000n);
  await Promise.all(ids.map((id) => admin.client('KILL', 'ID', id)));
  /** @type {Map<number, { first: number, count: number }>} */
  const seen = new Map();
  const look = async () => {
    for (const { id, first, count } of await clients.call('probes')) {
      const known = seen.get(id) ?? { first, count: 0 };
      seen.set(id, { first: known.first, count: known.count + count });
    }
  };
  let sent = 0;
  const end = Date.now() + 60_000;
  while (seen.size < sample.length) {
    if (Date.now() > end) throw new Error(`${seen.size} of ${sample.length} users are reachable`);
    await setting.publisher.call('probe', sample);
    sent += sample.length;
    await sleep(EVERY_MS);
    await look();
  }
  // Wait for events that were buffered.
  for (let before = -1, now = total(seen); now !== before; now = total(seen)) {
    before = now;
    await sleep(500);
    await look();
  }
  const lost = 1 - total(seen) / sent;
  const reachedAt = Math.max(...[...seen.values()].map(({ first }) => first));
  const late = await reachedAll(bench, setting, users);
  return { ms: ((late ?? reachedAt) - start) / 1_000, lost };
}

/**
 * Sends to all users until all have received something. Returns undefined if the first attempt was enough,
 * otherwise the time when the last one was reached, in µs.
 *
 * @param {import('./all.mjs').Bench} bench
 * @param {Setting} setting
 * @param {[id: number, name: string][]} users
 */
async function reachedAll({ clients }, setting, users) {
  const missing = new Map(users);
  let last = 0;
  for (let turn = 0; turn < 5; turn++) {
    const list = [...missing];
    // Send no faster than events arrive: this checks reachability, not throughput.
    for (let i = 0; i < list.length; i += CHUNK) {
      const chunk = list.slice(i, i + CHUNK);
      await setting.publisher.call('probe', chunk);
      const end = Date.now() + 2_000;
      while (Date.now() < end && chunk.some(([id]) => missing.has(id))) {
        await sleep(5);
        for (const { id, first } of await clients.call('probes')) {
          missing.delete(id);
          last = Math.max(last, first);
        }
      }
    }
    if (missing.size === 0) return turn === 0 ? undefined : last;
  }
  throw new Error(
    `${setting.entry.label}: ${missing.size} of ${users.length} users are not reached`,
  );
}

/** @param {Map<number, { count: number }>} seen */
function total(seen) {
  return [...seen.values()].reduce((sum, { count }) => sum + count, 0);
}

/** @param {import('ioredis').Redis} admin */
async function connectionIds(admin) {
  return [...String(await admin.client('LIST')).matchAll(/^id=(\d+)/gm)].map(([, id = '']) => id);
}
