// @ts-check
// The clients of all contestants, in a process whose CPU time is not counted.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRaw } from './raw-client.mjs';
import { latencies } from './latencies.mjs';
import { serve } from './serve.mjs';

/** @type {Map<string, import('./raw-client.mjs').RawClient[]>} */
const groups = new Map();
const latency = latencies();

const clientsOf = (/** @type {string} */ group) => groups.get(group) ?? [];
const total = (/** @type {string} */ group, /** @type {'events' | 'attachments'} */ what) =>
  clientsOf(group).reduce((sum, client) => sum + client[what], 0);

serve({
  /** Connects this many at once. Returns the duration in ms. */
  async connect(
    /** @type {string} */ group,
    /** @type {(import('./raw-client.mjs').ClientOptions & { url: string })[]} */ wanted,
    /** @type {number} */ atOnce,
  ) {
    const start = performance.now();
    const clients = clientsOf(group);
    groups.set(group, clients);
    let next = 0;
    const connectOn = async () => {
      while (next < wanted.length) {
        const one = wanted[next++];
        if (one === undefined) return;
        clients.push(await connectRaw(one.url, { ...one, onEvent: latency.onEvent }));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, connectOn));
    return performance.now() - start;
  },
  /** Resolves with the counts of each client once this many events have arrived. */
  async arrived(
    /** @type {string} */ group,
    /** @type {number} */ events,
    /** @type {number} */ attachments,
    /** @type {number} */ timeoutMs,
  ) {
    const end = Date.now() + timeoutMs;
    while (Date.now() < end) {
      if (total(group, 'events') >= events && total(group, 'attachments') >= attachments) break;
      await sleep(1);
    }
    return { events: total(group, 'events'), attachments: total(group, 'attachments') };
  },
  /** The number of clients without an event since the last reset. */
  missing: (/** @type {string} */ group) =>
    clientsOf(group).filter(({ events }) => events === 0).length,
  reset(/** @type {string} */ group) {
    for (const client of clientsOf(group)) {
      client.events = 0;
      client.attachments = 0;
    }
  },
  latency: () => latency.take(),
  probes: () => latency.probes(),
  /** Each client sends this many messages; `window` of them wait for their replies. */
  async ask(
    /** @type {string} */ group,
    /** @type {string} */ message,
    /** @type {number} */ count,
    /** @type {number} */ window,
  ) {
    const clients = clientsOf(group);
    const each = count / clients.length;
    const before = total(group, 'events');
    for (let sent = 0; sent < each; sent += window) {
      const now = Math.min(window, each - sent);
      for (const client of clients) {
        for (let i = 0; i < now; i++) client.send(message);
      }
      const target = before + (sent + now) * clients.length;
      const end = Date.now() + 30_000;
      while (total(group, 'events') < target) {
        if (Date.now() > end) throw new Error('no answers');
        await new Promise(setImmediate);
      }
    }
    return total(group, 'events') - before;
  },
  disconnect(/** @type {string} */ group) {
    for (const client of clientsOf(group)) client.close();
    groups.delete(group);
  },
  close() {},
});
