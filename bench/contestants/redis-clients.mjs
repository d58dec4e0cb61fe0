// @ts-check
import { Redis } from 'ioredis';

const { REDIS_URL = '' } = process.env;

/** Two connections, like every contestant. */
export async function redisClients() {
  const publisher = new Redis(REDIS_URL, { lazyConnect: true });
  const subscriber = publisher.duplicate();
  // A cut connection is part of the bench, and must not end the process.
  publisher.on('error', () => {});
  subscriber.on('error', () => {});
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return { publisher, subscriber };
}

/**
 * Socket.IO's adapters do not report when Redis has an event. This keeps the promise of the publishing command, so
 * that the next event waits for it with every contestant.
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
