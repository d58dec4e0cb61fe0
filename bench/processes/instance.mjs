// @ts-check
// An instance of a contestant. The parent decides what it publishes.
import { pathToFileURL } from 'node:url';
import { payloadOf } from '../measure/payload.mjs';
import { serve } from './serve.mjs';

/** @type {{ start: () => Promise<import('../contestants/contestant.mjs').Contestant> }} */
const { start } = await import(pathToFileURL(process.env.CONTESTANT_FILE ?? '').href);
const contestant = await start();

/**
 * @typedef {object} Work
 * @property {'user' | 'room' | 'all'} to
 * @property {string[]} names of users or rooms, in turns; for all: none
 * @property {number} count
 * @property {number} burst events in one tick; the next ones follow when Redis has these
 * @property {number | 'binary'} [bytes] of the payload
 */

/** @param {Work['to']} to @param {string} name @param {unknown} data */
function emit(to, name, data) {
  if (to === 'all') return contestant.toAll('order-update', data);
  if (to === 'room') return contestant.toRoom(name, 'order-update', data);
  // A namespace may follow the user.
  const [user = '', namespace] = name.split('|');
  return contestant.toUser(user, 'order-update', data, namespace);
}

const tick = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

serve({
  url: () => contestant.url,
  async publish(/** @type {Work} */ { to, names, count, burst, bytes = 100 }) {
    const data = payloadOf(bytes);
    for (let sent = 0; sent < count; sent += burst) {
      const batch = [];
      for (let i = sent; i < Math.min(sent + burst, count); i++) {
        batch.push(emit(to, names[i % names.length] ?? '', data));
      }
      await Promise.all(batch);
      await tick();
    }
  },
  /** This many events a second, each with the time at which it was due. */
  async pace(
    /** @type {string[]} */ names,
    /** @type {number} */ perSecond,
    /** @type {number} */ seconds,
  ) {
    const interval = 1e9 / perSecond;
    const first = Number(process.hrtime.bigint()) + 10e6;
    const count = perSecond * seconds;
    let sent = 0;
    await new Promise((resolve) => {
      const timer = setInterval(() => {
        const now = Number(process.hrtime.bigint());
        while (sent < count && first + sent * interval <= now) {
          const due = String(BigInt(Math.round(first + sent * interval)));
          const promise = emit('user', names[sent % names.length] ?? '', {
            due,
            note: 'x'.repeat(60),
          });
          if (promise instanceof Promise) promise.catch(() => {});
          sent++;
        }
        if (sent < count) return;
        clearInterval(timer);
        resolve(undefined);
      }, 1);
    });
    return sent;
  },
  /** One event for each of these users, with the number of the user. */
  probe(/** @type {[id: number, name: string][]} */ users) {
    for (const [probe, name] of users) {
      const promise = emit('user', name, { probe });
      if (promise instanceof Promise) promise.catch(() => {});
    }
  },
  memory() {
    for (let i = 0; i < 3; i++) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { heap: heapUsed + external, rss };
  },
  close: () => contestant.close(),
});
