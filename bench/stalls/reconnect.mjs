// Measures how long the event loop is blocked while an instance with 100,000 subscribed channels, or as many as the first
// argument says, loses its connection to Redis and subscribes again: `npm run bench:stalls`.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { acquireRedis } from '../../scripts/redis/acquire.mjs';
import { createRedisClients } from '../../build/redis/client-factory.js';
import { RedisPubSub } from '../../build/redis/redis-pub-sub.js';
import { Reporter } from '../../build/reporting/reporter.js';
import { watchEventLoop } from './longest-stall.mjs';

const CHANNELS = Number(process.argv[2] ?? 100_000);
const silent = { log() {}, warn() {}, error() {} };

const redis = await acquireRedis();
if (redis.url === null) throw new Error(redis.reason);
const admin = new Redis(redis.url);
const pubSub = new RedisPubSub(
  createRedisClients({ redis: redis.url }),
  { connectTimeoutMs: 5_000, subscribeTimeoutMs: 600_000, publishTimeoutMs: 5_000 },
  new Reporter(silent),
);
await pubSub.connect();
const loop = watchEventLoop();

let start = performance.now();
const names = Array.from({ length: CHANNELS }, (_, i) => `bench:/:user:${i}`);
loop.longest();
await Promise.all(names.map((name) => pubSub.subscribe(name)));
report('subscribing them all at once');
const memory = /used_memory:(\d+)/.exec(await admin.info('memory'))?.[1];
const { rss } = process.memoryUsage();
console.log(`memory of Redis ${mb(Number(memory))} MB, of the instance ${mb(rss)} MB`);

for (let round = 1; round <= 3; round++) {
  const list = String(await admin.client('LIST'));
  const id = /id=(\d+)[^\n]*name=nestjs-redis-propagator:subscriber/.exec(list)?.[1];
  start = performance.now();
  await admin.client('KILL', 'ID', Number(id));
  while (pubSub.state === 'ready') await sleep(1);
  while (pubSub.state !== 'ready') await sleep(1);
  report(`connection killed, round ${round}`);
  const missing = names.filter((name) => !pubSub.isSubscribed(name)).length;
  if (missing > 0) throw new Error(`${missing} channels are missing`);
}

loop.stop();
await pubSub.close();
admin.disconnect();
await redis.stop();

/** @param {string} what */
function report(what) {
  const stall = loop.longest().toFixed(1);
  const took = Math.round(performance.now() - start);
  console.log(`${CHANNELS} channels, ${what}: ${took} ms, longest stall ${stall} ms`);
}

/** @param {number} bytes */
function mb(bytes) {
  return Math.round(bytes / 1e6);
}
