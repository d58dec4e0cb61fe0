// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../processes/process-handle.mjs';
import { cpuOf } from './cpu.mjs';

const INSTANCE = new URL('../processes/instance.mjs', import.meta.url);

/**
 * @typedef {import('../processes/process-handle.mjs').ProcessHandle} ProcessHandle
 * @typedef {import('../processes/raw-client.mjs').ClientOptions} ClientOptions
 * @typedef {Omit<ClientOptions, 'socketIo' | 'onEvent'> & { instance: number }} Wanted
 */

/**
 * @typedef {object} Used CPU microseconds of a piece of work
 * @property {number} publisher
 * @property {number} subscribers
 * @property {number} redis
 * @property {number} total
 * @property {number} ms wall time
 */

/** The instances of one contestant and their clients. */
export class Setting {
  /** @type {ProcessHandle[]} */
  instances = [];
  /** @type {string[]} */
  urls = [];
  clientCount = 0;
  sent = 0;
  attachments = 0;

  /**
   * @param {import('../contestants/contestant.mjs').Entry} entry
   * @param {{ redis: { url: string, pid: number }, clients: ProcessHandle }} bench
   * @param {{ env?: NodeJS.ProcessEnv, execArgv?: string[] }} [more]
   */
  constructor(entry, bench, more = {}) {
    this.entry = entry;
    this.bench = bench;
    this.more = more;
    this.group = `${entry.id}-${Math.random()}`;
  }

  /** Starts instances until there are this many. @param {number} count */
  async grow(count) {
    const missing = Array.from({ length: count - this.instances.length }, () => this.start());
    for (const { instance, url } of await Promise.all(missing)) {
      this.instances.push(instance);
      this.urls.push(url);
    }
  }

  /** Ends an instance as in a deploy, and starts another one in its place. @param {number} place */
  async restart(place) {
    await this.instances[place]?.stop();
    const { instance, url } = await this.start();
    this.instances[place] = instance;
    this.urls[place] = url;
  }

  async start() {
    const { entry, bench, more } = this;
    const env = {
      REDIS_URL: bench.redis.url,
      NODE_ENV: 'production',
      CONTESTANT: entry.id,
      CONTESTANT_FILE: new URL(`../contestants/${entry.file}`, import.meta.url).pathname,
      ...entry.env,
      ...more.env,
    };
    const instance = await startProcess(INSTANCE, env, more.execArgv);
    return { instance, url: /** @type {string} */ (await instance.call('url')) };
  }

  /** @param {Wanted[]} wanted @param {number} [atOnce] @returns {Promise<number>} ms */
  connect(wanted, atOnce = 50) {
    this.clientCount += wanted.length;
    const { socketIo } = this.entry;
    const list = wanted.map(({ instance, ...one }) => ({
      ...one,
      socketIo,
      url: this.urls[instance],
    }));
    return this.bench.clients.call('connect', this.group, list, atOnce);
  }

  /**
   * Publishes to each target until every client has received something, because subscriptions are not confirmed.
   *
   * @param {import('../processes/instance.mjs').Work['to']} to
   * @param {string[]} names
   */
  async settle(to, names) {
    const { clients } = this.bench;
    const end = Date.now() + 30_000;
    for (;;) {
      await this.publisher.call('publish', {
        to,
        names,
        count: Math.max(1, names.length),
        burst: 20,
      });
      await sleep(250);
      const missing = await clients.call('missing', this.group);
      if (missing === 0) break;
      if (Date.now() > end) {
        throw new Error(
          `${this.entry.label}: ${missing} of ${this.clientCount} clients are not reached`,
        );
      }
    }
    await this.quiet();
    await clients.call('reset', this.group);
  }

  /** Waits until nothing has come for half a second. */
  async quiet() {
    const count = async () =>
      (await this.bench.clients.call('arrived', this.group, 0, 0, 1)).events;
    for (let last = -1, now = await count(); now !== last; now = await count()) {
      last = now;
      await sleep(500);
    }
  }

  get publisher() {
    const [first] = this.instances;
    if (first === undefined) throw new Error('nothing runs');
    return first;
  }

  /**
   * Publishes on the first instance, and waits until all clients have received every event exactly once.
   *
   * @param {import('../processes/instance.mjs').Work} work
   * @param {number} each how many clients get an event
   * @returns {Promise<Used>}
   */
  async run(work, each) {
    const { clients } = this.bench;
    this.sent += work.count * each;
    if (work.bytes === 'binary') this.attachments += work.count * each;
    return this.measured(async () => {
      await this.publisher.call('publish', work);
      const got = await clients.call('arrived', this.group, this.sent, this.attachments, 30_000);
      this.judge(got);
    });
  }

  /** @param {() => Promise<void>} work @returns {Promise<Used>} */
  async measured(work) {
    const before = await this.cpu();
    const start = performance.now();
    await work();
    const ms = performance.now() - start;
    const after = await this.cpu();
    const used = after.map((cpu, i) => cpu - (before[i] ?? 0));
    const [redis = 0, publisher = 0, ...others] = used;
    const subscribers = others.reduce((sum, cpu) => sum + cpu, 0);
    return { redis, publisher, subscribers, total: redis + publisher + subscribers, ms };
  }

  /** CPU time of Redis and of each instance, in microseconds. */
  cpu() {
    const pids = [this.bench.redis.pid, ...this.instances.map(({ pid }) => pid)];
    return Promise.all(pids.map(cpuOf));
  }

  /** Checks that nothing came twice, or late. */
  async verify() {
    await this.quiet();
    this.judge(await this.bench.clients.call('arrived', this.group, 0, 0, 1_000));
  }

  /** @param {{ events: number, attachments: number }} got */
  judge({ events, attachments }) {
    if (events === this.sent && attachments === this.attachments) return;
    throw new Error(
      `${this.entry.label}: ${events} events and ${attachments} attachments arrived, ` +
        `instead of ${this.sent} and ${this.attachments}`,
    );
  }

  async close() {
    await this.bench.clients.call('disconnect', this.group);
    await Promise.all(this.instances.map((instance) => instance.stop()));
  }
}
