// CPU microseconds per targeted event, for the publisher, the subscriber and Redis, beside a floor of bare ioredis
// and `ws`, in one run: `npm run bench:hot-path`. Rounds of both alternate, so that what else the machine does
// meets both alike; the figures are medians of the rounds.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireRedis } from '../../scripts/redis/acquire.mjs';
import { startProcess } from '../processes/process-handle.mjs';
import { connectRaw } from '../processes/raw-client.mjs';

const quick = process.argv.includes('--quick');
const EVENTS = quick ? 4_000 : 20_000;
const ROUNDS = quick ? 3 : 7;
const IDLE_MS = quick ? 2_000 : 5_000;
const WARM_UP = quick ? 2_000 : 10_000;
const USERS = 20;
/** Payload, and how many events are made in one tick. */
/** @type {[label: string, data: unknown, burst: number][]} */
const CASES = [
  ['100 B, one by one', payloadOf(100), 1],
  ['100 B, 20 at a time', payloadOf(100), 20],
  ['2 KB, one by one', payloadOf(2_048), 1],
  ['2 KB, 20 at a time', payloadOf(2_048), 20],
];
const INSTANCES = quick ? [2, 4] : [2, 4, 8, 16];

const redis = await acquireRedis();
if (redis.url === null) throw new Error(redis.reason);
const admin = new Redis(redis.url);

try {
  console.log(
    `node ${process.version}, redis ${redis.how}; ${ROUNDS} rounds of ${EVENTS} events\n`,
  );
  if (process.argv.includes('--signing')) {
    await compareSigning();
  } else {
    if (!process.argv.includes('--instances-only')) await compareWithFloor();
    await growInstances();
  }
} finally {
  admin.disconnect();
  await redis.stop();
}

async function compareWithFloor() {
  console.log('CPU µs per targeted event, two instances   publisher  subscriber  redis   total');
  const floor = await openSetting('./floor-role.mjs', 2);
  const library = await openSetting('./library-role.mjs', 2);
  for (const [size, data, burst] of CASES) {
    for (const setting of [floor, library]) await measure(setting, WARM_UP, data, burst);
    /** @type {{ floor: Figures[], library: Figures[] }} */
    const rounds = { floor: [], library: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.floor.push(await measure(floor, EVENTS, data, burst));
      rounds.library.push(await measure(library, EVENTS, data, burst));
    }
    print(`${size}, floor`, rounds.floor);
    print(`${size}, library`, rounds.library);
    const ratios = rounds.library.map((figures, i) => figures.total / rounds.floor[i].total);
    console.log(`${size}, ratio of totals: ${spread(ratios)} (aim: at most 1.25)\n`);
  }
  await floor.close();
  await library.close();
}

/** What the option `secret` costs. */
async function compareSigning() {
  console.log('CPU µs per targeted event, two instances   publisher  subscriber  redis   total');
  const plain = await openSetting('./library-role.mjs', 2);
  const signed = await openSetting('./library-role.mjs', 2, { SECRET: 'x'.repeat(64) });
  for (const [size, data, burst] of CASES) {
    for (const setting of [plain, signed]) await measure(setting, WARM_UP, data, burst);
    /** @type {{ plain: Figures[], signed: Figures[] }} */
    const rounds = { plain: [], signed: [] };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.plain.push(await measure(plain, EVENTS, data, burst));
      rounds.signed.push(await measure(signed, EVENTS, data, burst));
    }
    print(`${size}, not signed`, rounds.plain);
    print(`${size}, signed`, rounds.signed);
    const ratios = rounds.signed.map((figures, i) => figures.total / rounds.plain[i].total);
    console.log(`${size}, ratio of totals: ${spread(ratios)}\n`);
  }
  await plain.close();
  await signed.close();
}

async function growInstances() {
  console.log(
    'CPU µs per targeted event, all processes, by number of instances (100 B, one by one)',
  );
  console.log(
    '(without what the same instances use while they are idle: heartbeats and Node itself)',
  );
  const data = payloadOf(100);
  /** @type {number[]} */
  const medians = [];
  for (const instances of INSTANCES) {
    const setting = await openSetting('./library-role.mjs', instances);
    await measure(setting, WARM_UP, data, 1);
    const idle = await idleCpu(setting);
    const totals = [];
    for (let round = 0; round < ROUNDS; round++) {
      const { total, ms } = await measure(setting, EVENTS, data, 1);
      totals.push(total - (idle * ms) / EVENTS);
    }
    medians.push(median(totals));
    const share = ((idle / 1_000) * 100).toFixed(2);
    console.log(
      `${String(instances).padStart(3)} instances: ${spread(totals)}; idle: ${share} % of a core`,
    );
    await setting.close();
  }
  const [first = 1] = medians;
  console.log(`most to least instances: ${(medians.at(-1) ?? 0) / first} (aim: flat)`);
}

/**
 * @typedef {object} Figures CPU microseconds per event, and how long the round took
 * @property {number} publisher
 * @property {number} subscriber
 * @property {number} redis
 * @property {number} total
 * @property {number} ms
 */

/** CPU microseconds that all processes use in a millisecond in which nothing is published. */
async function idleCpu({ instances }) {
  const used = async () => {
    const each = await Promise.all(instances.map((instance) => instance.cpu()));
    return each.reduce((sum, cpu) => sum + cpu, await redisCpu());
  };
  const before = await used();
  await sleep(IDLE_MS);
  return ((await used()) - before) / IDLE_MS;
}

/**
 * Instances of one kind; the users' clients are connected to the second one, and the first one publishes.
 *
 * @param {string} file
 * @param {number} count
 * @param {Record<string, string>} more of their environment
 */
async function openSetting(file, count, more = {}) {
  const instances = [];
  for (let i = 0; i < count; i++) {
    instances.push(
      await startProcess(new URL(file, import.meta.url), { REDIS_URL: redis.url ?? '', ...more }),
    );
  }
  const users = Array.from({ length: USERS }, (_, i) => `user-${file.length}-${i}`);
  const clients = await Promise.all(
    users.map(async (user) => {
      const { value } = await instances[1].call('where', user);
      return connectRaw(value.url, { token: value.token });
    }),
  );
  await sleep(500); // Nothing to wait for: subscriptions of the floor are not confirmed to anybody.
  return {
    instances,
    users,
    received: () => clients.reduce((sum, client) => sum + client.received, 0),
    close: async () => {
      for (const client of clients) client.close();
      for (const instance of instances) await instance.stop();
    },
  };
}

/**
 * @param {Awaited<ReturnType<typeof openSetting>>} setting
 * @param {number} count
 * @param {unknown} data
 * @param {number} burst
 * @returns {Promise<Figures>} per event
 */
async function measure({ instances, users, received }, count, data, burst) {
  const target = received() + count;
  const before = await Promise.all(instances.map((instance) => instance.cpu()));
  const redisBefore = await redisCpu();
  const start = performance.now();
  await instances[0].call('publish', users, count, data, burst);
  const end = Date.now() + 30_000;
  while (received() < target) {
    if (Date.now() > end)
      throw new Error(`${target - received()} of ${count} events did not arrive`);
    await sleep(2);
  }
  const ms = performance.now() - start;
  const redisUsed = (await redisCpu()) - redisBefore;
  const after = await Promise.all(instances.map((instance) => instance.cpu()));
  const used = after.map((cpu, i) => (cpu - (before[i] ?? 0)) / count);
  const [publisher = 0, ...others] = used;
  const subscriber = others.reduce((sum, cpu) => sum + cpu, 0);
  return {
    publisher,
    subscriber,
    redis: redisUsed / count,
    total: publisher + subscriber + redisUsed / count,
    ms,
  };
}

/** CPU time of the Redis process in microseconds. */
async function redisCpu() {
  const info = await admin.info('cpu');
  const seconds = (/** @type {string} */ name) =>
    Number(new RegExp(`^${name}:(.+)$`, 'm').exec(info)?.[1] ?? 0);
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6;
}

/** @param {number} bytes */
function payloadOf(bytes) {
  const order = { id: '4711', state: 'shipped', note: '' };
  order.note = 'x'.repeat(Math.max(0, bytes - JSON.stringify(order).length));
  return order;
}

/** @param {string} label @param {Figures[]} rounds */
function print(label, rounds) {
  const cells = /** @type {const} */ (['publisher', 'subscriber', 'redis', 'total']).map((name) =>
    median(rounds.map((figures) => figures[name]))
      .toFixed(1)
      .padStart(10),
  );
  console.log(`${label.padEnd(42)}${cells.join('')}`);
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** @param {number[]} values */
function spread(values) {
  return `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)})`;
}
