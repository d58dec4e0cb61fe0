// @ts-check
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { AppProcess } from './app-process.mjs';

/**
 * Two instances of the example: each in its own process, or both in one process over memory.
 *
 * @param {string} folder of the compiled example
 * @param {object} options
 * @param {number[]} options.ports one for each instance; 0 is any
 * @param {string | null} options.redisUrl null: over memory
 * @param {string} options.prefix of the Redis channels
 */
export function startInstances(folder, { ports, redisUrl, prefix }) {
  if (redisUrl === null) {
    const env = { PORTS: ports.join(',') };
    return [new AppProcess(join(folder, 'dist/main.in-memory.js'), env, ports.length)];
  }
  const env = { REDIS_URL: redisUrl, REDIS_PREFIX: prefix };
  return ports.map(
    (port) => new AppProcess(join(folder, 'dist/main.js'), { ...env, PORT: String(port) }, 1),
  );
}

/**
 * The port, or 0 if it is in use.
 *
 * @param {number} port
 */
export async function portIfFree(port) {
  const server = createServer();
  try {
    await once(server.listen(port), 'listening');
    return port;
  } catch {
    return 0;
  } finally {
    server.close();
  }
}
