// @ts-check
// Clients that lose their connections and come back, in a process whose CPU time is not counted.
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryRecord, sumOf } from '../../test/support/delivery-record.mjs';
import { connectRaw } from './raw-client.mjs';
import { serve } from './serve.mjs';

const STREAM = 'user';
/** The times within which Socket.IO's client connects again by itself. */
const RECONNECT_MS = { least: 500, most: 1_500 };
/** Each process needs an address of its own for more clients than there are ports. */
const { LOCAL_ADDRESS: localAddress } = process.env;

/** The URLs of the instances; null: not ready. @type {(string | null)[]} */
let instances = [];
/** @type {Visitor[]} */
let visitors = [];
let over = false;

class Visitor {
  record = new DeliveryRecord();
  isConnected = false;
  isWarm = false;
  /** @type {{ pid: string, offset?: string } | undefined} */
  session = undefined;
  /** @type {import('./raw-client.mjs').RawClient | undefined} */
  client = undefined;
  /** How long the client stays away after this connection. @type {number | undefined} */
  awayMs = undefined;

  /** Why the last attempt failed. @type {unknown} */
  error = undefined;

  /** @param {string} user @param {number} instance */
  constructor(user, instance) {
    this.user = user;
    this.instance = instance;
  }

  async connect() {
    try {
      this.client = await connectRaw(instances[this.instance] ?? '', {
        user: this.user,
        socketIo: true,
        ...(localAddress === undefined ? {} : { localAddress }),
        ...(this.session === undefined ? {} : { session: this.session }),
        onConnect: ({ pid }) => this.connected(pid),
        onEvent: (bytes, start, end) => this.received(bytes.toString('utf8', start + 2, end)),
        onClose: () => this.closed(),
      });
    } catch (error) {
      // `closed` connects again.
      this.error = error;
    }
  }

  /** @param {string | undefined} pid */
  connected(pid) {
    this.isConnected = true;
    this.record.connected(pid !== undefined && pid === this.session?.pid);
    if (pid === undefined) this.session = undefined;
    else if (pid !== this.session?.pid) this.session = { pid };
  }

  /** @param {string} json */
  received(json) {
    const [event, data, offset] = JSON.parse(json);
    if (this.session !== undefined && typeof offset === 'string') this.session.offset = offset;
    // This library says goodbye with an event of its own.
    if (event !== 'order-update') return;
    const { number } = data;
    // An event for all.
    if (number === undefined) return;
    if (number === 0) this.isWarm = true;
    else this.record.received(STREAM, number);
  }

  closed() {
    this.isConnected = false;
    this.client = undefined;
    if (over) return;
    const { least, most } = RECONNECT_MS;
    const ms = this.awayMs ?? least + Math.random() * (most - least);
    this.awayMs = undefined;
    setTimeout(() => {
      this.instance = next(this.instance);
      void this.connect();
    }, ms);
  }

  /** Loses the connection. Returns whether there was one. @param {number} [awayMs] */
  lose(awayMs) {
    if (!this.isConnected || this.client === undefined) return false;
    this.awayMs = awayMs;
    this.client.close();
    return true;
  }
}

/** The next instance that is ready. @param {number} instance */
function next(instance) {
  for (let step = 1; step <= instances.length; step++) {
    const place = (instance + step) % instances.length;
    if (instances[place] !== null) return place;
  }
  return instance;
}

/** @param {() => boolean} condition @param {string} what @param {number} timeoutMs */
async function until(condition, what, timeoutMs) {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(5);
  }
}

const areBack = () => visitors.every(({ isConnected }) => isConnected);

serve({
  instances(/** @type {(string | null)[]} */ urls) {
    instances = urls;
  },
  async connect(
    /** @type {{ user: string, instance: number }[]} */ wanted,
    /** @type {number} */ atOnce,
  ) {
    const list = wanted.map(({ user, instance }) => new Visitor(user, instance));
    visitors.push(...list);
    for (let i = 0; i < list.length; i += atOnce) {
      await Promise.all(list.slice(i, i + atOnce).map((visitor) => visitor.connect()));
    }
    await until(areBack, 'all clients to be connected', 60_000);
  },
  cold: () => visitors.filter(({ isWarm }) => !isWarm).length,
  /** Forgets what has come so far. */
  begin() {
    for (const visitor of visitors) {
      visitor.record = new DeliveryRecord();
      visitor.record.connected(false);
    }
  },
  /** Returns the number of clients that lost their connections. */
  lose(/** @type {number[]} */ places, /** @type {number | undefined} */ awayMs) {
    return places.filter((place) => visitors[place]?.lose(awayMs ?? undefined)).length;
  },
  /** Each client loses its connection, at a random moment within this time. Resolves to their number. */
  async loseAll(/** @type {number} */ withinMs) {
    const lost = visitors.map(async (visitor) => {
      await sleep(Math.random() * withinMs);
      return visitor.lose();
    });
    return (await Promise.all(lost)).filter(Boolean).length;
  },
  placesAt: (/** @type {number} */ instance) =>
    [...visitors.keys()].filter((place) => visitors[place]?.instance === instance),
  back: () =>
    until(areBack, 'all clients to be back', 120_000).catch((error) => {
      const missing = visitors.filter(({ isConnected }) => !isConnected);
      throw new Error(`${missing.length} clients are not back: ${String(missing[0]?.error)}`, {
        cause: error,
      });
    }),
  /** Waits until nothing more comes, and judges each client by the number of events that were sent to it. */
  async judge(/** @type {number[]} */ sent) {
    const count = () => visitors.reduce((sum, { record }) => sum + record.count, 0);
    for (let last = -1, now = count(); now !== last; now = count()) {
      last = now;
      await sleep(1_500);
    }
    return sumOf(
      visitors.map(({ record }, place) => {
        const numbers = Array.from({ length: sent[place] ?? 0 }, (_, i) => i + 1);
        return record.judge(new Map([[STREAM, numbers]]));
      }),
    );
  },
  leave() {
    over = true;
    for (const { client } of visitors) client?.close();
    visitors = [];
  },
  close() {},
});
