// @ts-check
import { Redis } from 'ioredis';

const { REDIS_URL = '' } = process.env;

/** Two connections, as every contestant has them. */
export async function redisClients() {
  const publisher = new Redis(REDIS_URL, { lazyConnect: true });
  const subscriber = publisher.duplicate();
  // A connection that is cut is part of the bench, and no reason to end.
  publisher.on('error', () => {});
  subscriber.on('error', () => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return { publisher, subscriber };
}

/**
 * Socket.IO's adapters do not say when Redis has an event. This remembers what the publishing command returned, so that
 * the next event waits for it with all contestants alike.
 *
 * @param {Redis} client
 * @param {'publish' | 'spublish' | 'xadd'} name
 * @returns {() => Promise<unknown>}
 */
export function lastCommand(client, name) {
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  const command = /** @type {(...args: any[]) => Promise<unknown>} */ (client[name]).bind(client);
  Object.assign(client, {
    [name]: (/** @type {any[]} */ ...args) => {
      last = command(...args);
      return last;
    },
  });
  return () => last;
}
