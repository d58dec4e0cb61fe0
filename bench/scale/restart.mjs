// @ts-check
// 50 instances through a restart of Redis: until when all are back, and what was lost. `npm run bench:scale`.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '../../scripts/redis/server.mjs';
import { cpuOf } from '../measure/cpu.mjs';
import { startProcess } from '../processes/process-handle.mjs';
import { judge } from './verdict.mjs';

const PROCESSES = 5;
const INSTANCES = Number(process.argv[2] ?? 50);
const DOWN_MS = 5_000;
const ROUNDS = 3;

const redis = await startRedis();
const each = Math.ceil(INSTANCES / PROCESSES);
const file = new URL('apps.mjs', import.meta.url);
const processes = [];
for (let i = 0; i < PROCESSES; i++) {
  const env = { REDIS_URL: redis.url, APPS: String(each), FIRST: String(i * each) };
  processes.push(await startProcess(file, env));
}
const count = each * PROCESSES;
const rooms = Array.from({ length: count }, (_, i) => `of-${i}`);
const all = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) =>
  Promise.all(processes.map(({ call }) => call(name, ...args)));

/** CPU time of all instances, in microseconds. */
const cpuOfAll = async () =>
  (await Promise.all(processes.map((process) => process.cpu()))).reduce((sum, cpu) => sum + cpu, 0);

/** Resolves to the time in ms until a state is there. */
async function until(/** @type {(status: any[]) => boolean} */ isThere) {
  const startedAt = performance.now();
  for (;;) {
    const status = await all('status');
    if (isThere(status)) return Math.round(performance.now() - startedAt);
    if (performance.now() - startedAt > 120_000) throw new Error(JSON.stringify(status));
    await sleep(20);
  }
}
const isWhole = (/** @type {any[]} */ status) =>
  status.every(({ whole, members }) => whole === each && members === count);

await until(isWhole);
await all('send', { everyMs: 500, rooms, bytes: 100 });
await sleep(15_000);
for (let round = 1; round <= ROUNDS; round++) {
  await redis.kill();
  await sleep(DOWN_MS);
  await redis.restart();
  const cpuBefore = await cpuOfAll();
  const readyMs = await until((status) => status.every(({ whole }) => whole === each));
  const appsMs = Math.round(((await cpuOfAll()) - cpuBefore) / 1_000 / count);
  const client = new Redis(redis.url);
  const calls = await client.info('commandstats');
  const beats = Number(/cmdstat_evalsha:calls=(\d+)/.exec(calls)?.[1] ?? 0);
  const publishes = Number(/cmdstat_publish:calls=(\d+)/.exec(calls)?.[1] ?? 0);
  client.disconnect();
  const cpuMs = Math.round((await cpuOf(redis.pid ?? 0)) / 1_000);
  console.log(
    `restart ${round}: ${count} instances whole after ${readyMs} ms; until then ${beats} beats, ${publishes} publishes, ${cpuMs} ms of CPU of Redis, ${appsMs} ms of each instance`,
  );
  await sleep(12_000);
}
await all('stop');
await sleep(5_000);
const reports = (await all('report')).flat();
const verdict = judge(reports, (room) => reports.filter(({ index }) => room === `of-${index}`));
console.log(JSON.stringify(verdict));
await Promise.all(processes.map(({ stop }) => stop()));
await redis.stop();
if (verdict.unexplained + verdict.twice + verdict.outOfOrder > 0) process.exitCode = 1;
