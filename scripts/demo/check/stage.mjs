// @ts-check
import { Cast } from './cast.mjs';
import { Client } from './client.mjs';

/**
 * @typedef {object} Cluster
 * @property {string} a URL of instance A
 * @property {string} b URL of instance B
 * @property {string | null} redisUrl null: the instances are connected over memory
 * @property {string} prefix of the Redis channels
 */

/** @typedef {ReturnType<typeof createStage>} Stage */

/**
 * The instances of a check, and the clients that it connects.
 *
 * @param {Cluster} cluster
 */
export function createStage(cluster) {
  /** @type {{ close(): void }[]} */
  const guests = [];
  return {
    ...cluster,

    /**
     * Clients that are expected to connect.
     *
     * @param {Record<string, import('./client.mjs').Role>} roles
     */
    connect: async (roles) => {
      const cast = new Cast(roles);
      guests.push(cast);
      await cast.connected();
      return cast;
    },

    /**
     * A client that may be refused.
     *
     * @param {import('./client.mjs').Role} role
     */
    knock: (role) => {
      const client = new Client(role);
      guests.push(client);
      return client;
    },

    /** Functions that send a text to all clients of the default namespace, one for each instance. */
    notifyAll: [cluster.a, cluster.b].map(
      (url) => (/** @type {string} */ text) => post(url, 'all', text),
    ),

    close: () => {
      for (const guest of guests) guest.close();
    },
  };
}

/**
 * Sends the requests of the buttons on the page.
 *
 * @param {string} url of an instance
 * @param {string} target
 * @param {string} text
 */
export async function post(url, target, text) {
  const response = await fetch(`${url}/notifications/${target}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  if (response.ok) return response.json();
  throw new Error(`POST ${response.url}: ${response.status} ${await response.text()}`);
}
