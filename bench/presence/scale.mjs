// The cost of presence with 100,000 users on four instances: `npm run bench:presence`.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireRedis } from '../../scripts/redis/acquire.mjs';
import { createPresenceStore } from '../../build/presence/create-presence.js';
import { PresenceTracker } from '../../build/presence/tracker/presence-tracker.js';
import { PresenceService } from '../../build/presence/presence.service.js';
import { createRedisClients } from '../../build/redis/client-factory.js';
import { RedisPubSub } from '../../build/redis/redis-pub-sub.js';
import { Reporter } from '../../build/reporting/reporter.js';
import { SocketStateService } from '../../build/auth/socket-state.service.js';
import { watchEventLoop } from '../stalls/longest-stall.mjs';

const USERS = Number(process.env['USERS'] ?? 100_000);
const INSTANCES = 4;
const silent = { log() {}, warn() {}, error() {} };
const presence = {
  graceMs: 1_000,
  leaseMs: 3_000,
  lastSeenMs: 86_400_000,
  heartbeatIntervalMs: 1_000,
};
const prefix = `bench-${process.pid}`;

const redis = await acquireRedis();
if (redis.url === null) throw new Error(redis.reason);
const admin = new Redis(redis.url);
const loop = watchEventLoop();

// Ids as long as a UUID.
const users = Array.from({ length: USERS }, (_, i) => {
  const id = String(i).padStart(12, '0');
  return { id: `3f1d6c2e-9b1a-4c57-8d3e-${id}`, socket: { id } };
});
const instances = [];
for (let i = 0; i < INSTANCES; i++) instances.push(await startInstance(i));
const [first] = instances;

// The share of SocketStateService, which exists without presence as well.
bytesOfStateAlone(); // once as a warm-up, which gives the ids their final form in memory
const bytesAlone = bytesOfStateAlone();

const heapBefore = heap();
const redisBefore = await usedMemory();
const scriptsBefore = await scriptCalls();
await timed(`${USERS} users connect, all at once`, async () => {
  for (const [i, { id, socket }] of users.entries()) {
    stateOf(i).add(id, socket);
    if (i % 1_000 === 999) await new Promise(setImmediate);
  }
  await until(async () => (await first.service.count()) === USERS);
});
report('bytes on Redis per user', ((await usedMemory()) - redisBefore) / USERS);
report('bytes per user on its instance', (heap() - heapBefore) / USERS - bytesAlone);
report('script calls per user, all at once', ((await scriptCalls()) - scriptsBefore) / USERS);

await timed('count()', () => first.service.count());
await timed('isOnline() of a user elsewhere', () => first.service.isOnline(users[1].id));
const some = users.slice(0, 1_000).map(({ id }) => id);
await timed('areOnline() of 1,000 users', () => first.service.areOnline(some));
await timed('onlineUsers({ limit: 1000 }), first page', () =>
  first.service.onlineUsers({ limit: 1_000 }),
);

const one = await scriptCalls();
const ONE_BY_ONE = 1_000;
let online = 0;
for (const { service } of instances) service.changes$.subscribe(() => online++);
await timed(`${ONE_BY_ONE} more users connect, one after the other`, async () => {
  for (let i = 0; i < ONE_BY_ONE; i++) {
    stateOf(i).add(`one-${i}`, { id: `one-${i}` });
    await until(() => online > i);
  }
});
report('script calls per user, one by one', ((await scriptCalls()) - one) / ONE_BY_ONE);

// Crash: one instance stops silently, and the others remove its users.
const [dead] = instances.splice(INSTANCES - 1, 1);
let offline = 0;
for (const { service } of instances) {
  service.changes$.subscribe(({ type }) => (offline += type === 'offline' ? 1 : 0));
}
const lost = dead.state.userCount;
await timed(
  `an instance with ${lost} users crashes; all are offline (lease and grace 4 s)`,
  async () => {
    dead.freeze();
    await until(() => offline >= lost, 50);
  },
);
if (offline !== lost) throw new Error(`${offline} instead of ${lost} users went offline`);

await timed('Redis loses everything; it is told again who is online', async () => {
  const before = await first.service.count();
  const keys = await admin.keys(`${prefix}:presence:*`);
  for (let i = 0; i < keys.length; i += 500) await admin.unlink(...keys.slice(i, i + 500));
  await until(async () => (await first.service.count()) === before, 20);
});

loop.stop();
for (const instance of instances) await instance.stop();
dead.end();
const left = await admin.keys(`${prefix}:*`);
for (let i = 0; i < left.length; i += 500) await admin.unlink(...left.slice(i, i + 500));
admin.disconnect();
await redis.stop();

async function startInstance(index) {
  const reporter = new Reporter(silent);
  const clients = createRedisClients({ redis: redis.url });
  const pubSub = new RedisPubSub(
    clients,
    { connectTimeoutMs: 5_000, subscribeTimeoutMs: 5_000, publishTimeoutMs: 5_000 },
    reporter,
  );
  await pubSub.connect();
  const state = new SocketStateService();
  const options = { presence, prefix, publishTimeoutMs: 5_000 };
  const store = createPresenceStore(options, { pubSub, clients });
  const tracker = new PresenceTracker(store, `bench${index}`.padEnd(16, '0'), presence, {
    pubSub,
    state,
    reporter,
    onRetold() {},
    onRenewed() {},
  });
  await tracker.start();
  tracker.appStarted();
  return {
    state,
    service: new PresenceService({ store, tracker, watch: undefined }, state),
    // Like a killed process: nothing more is sent.
    freeze() {
      clients.publisher.disconnect();
      clients.subscriber.disconnect();
    },
    end() {
      void tracker.stop();
      void pubSub.close();
    },
    async stop() {
      await tracker.stop();
      await pubSub.close();
    },
  };
}

function bytesOfStateAlone() {
  const before = heap();
  const alone = new SocketStateService();
  for (const { id, socket } of users) alone.add(id, socket);
  const bytes = (heap() - before) / USERS;
  for (const { id, socket } of users) alone.remove(id, socket);
  return bytes;
}

function stateOf(index) {
  return instances[index % instances.length].state;
}

function heap() {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

async function usedMemory() {
  return Number(/used_memory:(\d+)/.exec(await admin.info('memory'))?.[1]);
}

async function scriptCalls() {
  const stats = await admin.info('commandstats');
  return ['eval', 'evalsha'].reduce(
    (sum, name) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0),
    0,
  );
}

async function until(condition, everyMs = 1) {
  while (!(await condition())) await sleep(everyMs);
}

async function timed(what, work) {
  loop.longest();
  const start = performance.now();
  await work();
  const took = performance.now() - start;
  console.log(`${what}: ${took.toFixed(1)} ms, longest stall ${loop.longest().toFixed(1)} ms`);
}

function report(what, figure) {
  console.log(`${what}: ${figure.toFixed(2)}`);
}
