// @ts-check

/**
 * @typedef {object} Role
 * @property {(user: string) => string} urlOf where a client of this user connects
 * @property {(user: string) => string | undefined} token
 * @property {(user: string, event: string, data: unknown) => Promise<unknown>} publish
 * @property {() => unknown} close
 */

/**
 * Serves one process of the bench: the parent asks over IPC, and every answer carries the CPU time that this
 * process has used so far, by the operating system's accounting.
 *
 * @param {Role} role
 */
export function serveRole(role) {
  process.on('message', async (/** @type {any} */ { id, call, args }) => {
    const value = await calls[call](...args);
    process.send?.({ id, value, cpu: cpuMicroseconds() });
  });
  const calls = {
    where: (/** @type {string} */ user) => ({ url: role.urlOf(user), token: role.token(user) }),
    cpu: () => undefined,
    /** Publishes so many events in one tick, and the next ones when Redis has taken them. */
    publish: async (
      /** @type {string[]} */ users,
      /** @type {number} */ count,
      /** @type {unknown} */ data,
      /** @type {number} */ burst,
    ) => {
      for (let sent = 0; sent < count; sent += burst) {
        const batch = [];
        for (let i = sent; i < Math.min(sent + burst, count); i++) {
          batch.push(role.publish(users[i % users.length] ?? '', 'order-update', data));
        }
        await Promise.all(batch);
      }
      return undefined;
    },
    close: async () => {
      await role.close();
      setImmediate(() => process.disconnect?.());
      return undefined;
    },
  };
  process.send?.({ ready: true });
}

function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}
