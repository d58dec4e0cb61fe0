// @ts-check
import { messageOf } from '../thrown.mjs';
import { findRedisServer } from './binary.mjs';
import { startRedisContainer } from './container.mjs';
import { startRedis } from './server.mjs';

/**
 * @typedef {object} AcquiredRedis
 * @property {string} url
 * @property {string} how its source, for people
 * @property {() => Promise<void>} stop ends everything that was started; does nothing for a Redis of others
 */

/**
 * @typedef {object} NoRedis
 * @property {null} url
 * @property {string} reason
 */

/**
 * Gets a Redis: the one that an environment variable names, or one in a container if a container engine runs, or a
 * redis-server process (see `findRedisServer`).
 *
 * @param {{ env?: string }} [options] `env`: the variable; default REDIS_URL
 * @returns {Promise<AcquiredRedis | NoRedis>}
 */
export async function acquireRedis({ env = 'REDIS_URL' } = {}) {
  const url = process.env[env];
  if (url) return { url, how: env, stop: async () => {} };

  const reasons = [];
  for (const source of [fromContainer, fromProcess]) {
    try {
      return await source();
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  return { url: null, reason: `${env} is not set. ${reasons.join('. ')}` };
}

/** @returns {Promise<AcquiredRedis>} */
async function fromContainer() {
  return { ...(await startRedisContainer()), how: 'a container' };
}

/** @returns {Promise<AcquiredRedis>} */
async function fromProcess() {
  const { server, how } = await findRedisServer();
  const { url, stop } = await startRedis({ bin: server });
  return { url, how: `redis-server from ${how}`, stop };
}
