// @ts-check
import { Redis } from 'ioredis';
import { loadavg } from 'node:os';
import { findRedisServer } from '../scripts/redis/binary.mjs';
import { startRedis } from '../scripts/redis/server.mjs';
import { startProcess } from './processes/process-handle.mjs';
import { machine } from './report/machine.mjs';
import { keep } from './report/kept.mjs';
import { asText } from './report/text.mjs';
import { writePage } from './report/page.mjs';
import { scenarios } from './scenarios/all.mjs';

const CLIENTS = new URL('processes/clients.mjs', import.meta.url);

/**
 * Runs the scenarios one after the other, and prints the results.
 *
 * @param {import('./arguments.mjs').Choice} choice
 * @returns {Promise<number>} exit code
 */
export async function runAll({ size, json, write, only }) {
  const names = scenarios.map(({ name }) => name);
  const unknown = only.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no scenario ${unknown.join(', ')}. There are ${names.join(', ')}.`);
    return 2;
  }
  const chosen = scenarios.filter(({ name, notInQuick = false }) =>
    only.length > 0 ? only.includes(name) : !(notInQuick && size === 'quick'),
  );
  const startedAt = performance.now();
  const [load = 0] = loadavg();
  const { server: bin } = await findRedisServer();
  const about = { ...machine(bin), load };
  /** @type {import('./measure/table.mjs').Table[]} */
  const tables = [];
  const failed = [];
  for (const scenario of chosen) {
    const start = performance.now();
    try {
      const found = await run(scenario, size, bin);
      tables.push(...found);
      if (size !== 'check' && process.env.BENCH_AGAINST === undefined) keep(size, about, found);
      if (!json) for (const table of found) console.log(asText(table));
    } catch (error) {
      failed.push(scenario.name);
      console.error(`${scenario.name} failed:`, error);
    }
    console.error(`${scenario.name}: ${secondsSince(start)} s\n`);
  }
  const seconds = secondsSince(startedAt);
  if (json) console.log(JSON.stringify({ machine: about, size, seconds, failed, tables }, null, 2));
  else console.log(`${seconds} s in all. ${verdict(tables, failed)}`);
  if (write && size !== 'check') console.error(`Written: ${writePage(size)}`);
  return failed.length > 0 ? 1 : 0;
}

/**
 * Each scenario has its own Redis and its own client process, so that scenarios do not affect one another.
 *
 * @param {import('./scenarios/all.mjs').Scenario} scenario
 * @param {import('./arguments.mjs').Choice['size']} size
 * @param {string} bin
 */
async function run(scenario, size, bin) {
  const redis = await startRedis({ bin });
  const admin = new Redis(redis.url);
  const clients = await startProcess(CLIENTS);
  try {
    const { url, pid = 0 } = redis;
    return await scenario.run({ size, redis: { url, pid }, admin, clients });
  } finally {
    await clients.stop();
    admin.disconnect();
    await redis.stop();
  }
}

/**
 * @param {import('./measure/table.mjs').Table[]} tables
 * @param {string[]} failed
 */
function verdict(tables, failed) {
  const aims = tables.flatMap(({ ratios }) => ratios).filter(({ aim }) => aim !== undefined);
  const met = aims.filter((ratio) => ratio.met).length;
  const broken = failed.length > 0 ? ` FAILED: ${failed.join(', ')}.` : '';
  return `${met} of ${aims.length} aims are met.${broken}`;
}

/** @param {number} start */
function secondsSince(start) {
  return Math.round((performance.now() - start) / 1_000);
}
