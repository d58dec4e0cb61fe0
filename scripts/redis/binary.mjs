// @ts-check
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../thrown.mjs';
import { fetchFromDebian } from './debian.mjs';
import { withLock } from './lock.mjs';
import { isExecutable, onPath } from './on-path.mjs';

/** Survives `npm ci`, unlike a cache in node_modules. */
const cache = fileURLToPath(new URL('../../.cache/redis', import.meta.url));

/**
 * @typedef {object} RedisBinaries
 * @property {string} server path of redis-server
 * @property {string} cli path of redis-cli (a bare name if it is not next to the server)
 * @property {string} how their source, for people
 */

/**
 * Finds a redis-server: REDIS_SERVER_BIN, or the one on the PATH, or one fetched from Debian's packages into the
 * project's cache.
 *
 * @returns {Promise<RedisBinaries>}
 */
export async function findRedisServer() {
  const named = process.env.REDIS_SERVER_BIN;
  if (named) {
    if (await isExecutable(named)) return withCli(named, 'REDIS_SERVER_BIN');
    throw new Error(`REDIS_SERVER_BIN is ${named}, which is not an executable file`);
  }
  const installed = await onPath('redis-server');
  if (installed) return withCli(installed, 'the PATH');
  return withCli(await fetched(), "Debian's packages");
}

/** @returns {Promise<string>} */
async function fetched() {
  const folder = join(cache, `${process.platform}-${process.arch}`);
  const server = join(folder, 'bin/redis-server');
  if (await isExecutable(server)) return server;
  await mkdir(cache, { recursive: true });
  try {
    await withLock(`${folder}.lock`, async () => {
      if (!(await isExecutable(server))) await fetchFromDebian(folder);
    });
  } catch (error) {
    const why = messageOf(error);
    throw new Error(
      `No redis-server: none is on the PATH, and fetching one failed: ${why}. ` +
        'Install Redis 6.2 or newer, or set REDIS_SERVER_BIN to its redis-server.',
      { cause: error },
    );
  }
  return server;
}

/**
 * @param {string} server
 * @param {string} how
 */
async function withCli(server, how) {
  const beside = join(dirname(server), 'redis-cli');
  return { server, cli: (await isExecutable(beside)) ? beside : 'redis-cli', how };
}
