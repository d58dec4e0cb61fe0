import { serve } from '../processes/serve.mjs';

/**
 * @typedef {object} Role
 * @property {(user: string) => string} urlOf where a client of this user connects
 * @property {(user: string) => string | undefined} token
 * @property {(user: string, event: string, data: unknown) => Promise<unknown>} publish
 * @property {() => unknown} close
 */

/** @param {Role} role */
export function serveRole(role) {
  serve({
    where: (/** @type {string} */ user) => ({ url: role.urlOf(user), token: role.token(user) }),
    cpu: () => undefined,
    close: () => role.close(),
    /** Publishes so many events in one tick, and the next ones when Redis has taken them. */
    async publish(
      /** @type {string[]} */ users,
      /** @type {number} */ count,
      /** @type {unknown} */ data,
      /** @type {number} */ burst,
    ) {
      for (let sent = 0; sent < count; sent += burst) {
        const batch = [];
        for (let i = sent; i < Math.min(sent + burst, count); i++) {
          batch.push(role.publish(users[i % users.length] ?? '', 'order-update', data));
        }
        await Promise.all(batch);
      }
    },
  });
}
