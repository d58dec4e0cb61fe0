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
 * @property {number} [burst] events in one tick; default: 1
 * @property {boolean} [unawaited] whether the next events follow in the next turn of the event loop, instead of when
 * Redis has these
 * @property {number} [perSecond] steady: this many events a second are due, and Redis is not waited for
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

/** The numbered events that are being sent. @type {{ timer: NodeJS.Timeout, sent: number, pending: Promise<unknown>[] } | undefined} */
let numbered;

const tick = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * Calls `send` at an even rate, with the index of each event and the time at which it was due.
 *
 * @param {number} count
 * @param {number} perSecond
 * @param {(index: number, due: number) => void} send
 */
function atRate(count, perSecond, send) {
  const interval = 1e9 / perSecond;
  const first = Number(process.hrtime.bigint()) + 10e6;
  let sent = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = Number(process.hrtime.bigint());
      for (; sent < count && first + sent * interval <= now; sent++) {
        send(sent, first + sent * interval);
      }
      if (sent < count) return;
      clearInterval(timer);
      resolve(undefined);
    }, 1);
  });
}

serve({
  url: () => contestant.url,
  async publish(/** @type {Work} */ { to, names, count, burst = 1, bytes = 100, ...how }) {
    const { unawaited = false, perSecond } = how;
    const data = payloadOf(bytes);
    const send = (/** @type {number} */ i) => emit(to, names[i % names.length] ?? '', data);
    /** @type {unknown} */
    let last;
    if (perSecond !== undefined) {
      await atRate(count, perSecond, (i) => {
        last = send(i);
      });
      await last;
      return;
    }
    for (let sent = 0; sent < count; sent += burst) {
      const end = Math.min(sent + burst, count);
      if (unawaited) {
        for (let i = sent; i < end; i++) last = send(i);
      } else {
        const batch = [];
        for (let i = sent; i < end; i++) batch.push(send(i));
        await Promise.all(batch);
      }
      await tick();
    }
    await last;
  },
  /** This many events a second, each with the time at which it was due. */
  async pace(
    /** @type {string[]} */ names,
    /** @type {number} */ perSecond,
    /** @type {number} */ seconds,
  ) {
    const count = perSecond * seconds;
    await atRate(count, perSecond, (i, due) => {
      const data = { due: String(BigInt(Math.round(due))), note: 'x'.repeat(60) };
      const promise = emit('user', names[i % names.length] ?? '', data);
      if (promise instanceof Promise) promise.catch(() => {});
    });
    return count;
  },
  /**
   * From now on this many events a second, to these users in turns. Those of a user are numbered, starting at 1; a rate
   * of 0 sends one event with the number 0 to each.
   */
  sendNumbered(/** @type {string[]} */ names, /** @type {number} */ perSecond) {
    const send = (/** @type {number} */ place, /** @type {number} */ number) =>
      Promise.resolve(emit('user', names[place] ?? '', { number, note: 'x'.repeat(60) }));
    if (perSecond === 0) return Promise.all(names.map((_, place) => send(place, 0))).then(() => {});
    const startedAt = performance.now();
    const timer = setInterval(() => {
      const due = Math.floor(((performance.now() - startedAt) * perSecond) / 1_000);
      for (; state.sent < due; state.sent++) {
        const number = Math.floor(state.sent / names.length) + 1;
        state.pending.push(send(state.sent % names.length, number));
      }
    }, 5);
    const state = { timer, sent: 0, pending: /** @type {Promise<unknown>[]} */ ([]) };
    numbered = state;
    return undefined;
  },
  /** Stops the numbered events. Resolves to their number once Redis has all of them. */
  async stopNumbered() {
    if (numbered === undefined) throw new Error('nothing is sent');
    clearInterval(numbered.timer);
    await Promise.all(numbered.pending);
    return numbered.sent;
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
  recovery: () => contestant.recovery?.() ?? null,
  close: () => contestant.close(),
});
