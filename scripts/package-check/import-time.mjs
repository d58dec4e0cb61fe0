// @ts-check
import assert from 'node:assert/strict';
import { run } from './steps.mjs';

/** The limit of what the library adds to the loading of its peers: CPU time in milliseconds, which other load hardly changes. */
const MAX_OWN_MS = 40;
const ROUNDS = 9;
const NAME = 'nestjs-redis-propagator';
const PEERS = [
  'reflect-metadata',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/websockets',
  '@nestjs/platform-socket.io',
  'ioredis',
  'rxjs',
];

/**
 * Measures the CPU time of loading the library in fresh processes, in turns: after its peers, and with them. The fastest round
 * counts, because other load on the machine only adds to it.
 *
 * @param {string} folder of an app
 * @param {'import' | 'require'} how
 * @returns {Promise<string>} the figures
 */
export async function measureImport(folder, how) {
  const own = [];
  const whole = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    own.push(await loadingCost(folder, how, PEERS));
    whole.push(await loadingCost(folder, how, []));
  }
  const [ownMs, wholeMs] = [own, whole].map((times) => Math.round(Math.min(...times)));
  const result = `${ownMs} ms after its peers, ${wholeMs} ms with them`;
  assert.ok(Number(ownMs) <= MAX_OWN_MS, `${result}; the limit is ${MAX_OWN_MS} ms`);
  return result;
}

/**
 * @param {string} folder
 * @param {'import' | 'require'} how
 * @param {string[]} before
 */
async function loadingCost(folder, how, before) {
  const load = (/** @type {string} */ name) =>
    how === 'import' ? `await import('${name}');` : `require('${name}');`;
  const code = [
    ...before.map(load),
    'const start = process.cpuUsage();',
    load(NAME),
    'const { user, system } = process.cpuUsage(start);',
    'console.log((user + system) / 1000);',
  ].join('\n');
  const type = how === 'import' ? 'module' : 'commonjs';
  return Number(await run(process.execPath, [`--input-type=${type}`, '-e', code], folder));
}
