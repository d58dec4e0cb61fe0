// @ts-check
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AppProcess } from '../demo/app-process.mjs';
import { portIfFree } from '../demo/instances.mjs';
import { freePort } from '../redis/probe.mjs';

/** How long an instance that was stopped stays away: long enough to see how the app goes on without it. */
export const AWAY_MS = 6000;

/**
 * @typedef {object} ChatOptions
 * @property {string} folder of the built example
 * @property {string} redisUrl
 * @property {string} prefix
 * @property {number[]} [ports] one for each instance; another one is taken where somebody listens. Default: any
 * @property {Record<string, string>} [env] more of it, for all instances
 * @property {number} [awayMs] how long one that has ended stays away. Default: {@link AWAY_MS}
 * @property {(text: string) => void} [print] what the instances print, and what happens to them
 */

/** Instances of examples/chat, `one` and `two`. One that ends is started again, on the same port. */
export class Instances {
  static names = ['one', 'two'];
  /** @type {string[]} */
  urls = [];
  /** Those that run, by name. @type {Map<string, AppProcess>} */
  running = new Map();
  #over = false;
  /** @type {Set<NodeJS.Timeout>} */
  #waiting = new Set();

  /** @param {ChatOptions} options */
  static async start(options) {
    const instances = new Instances(options);
    try {
      await instances.#start(options.ports ?? []);
    } catch (error) {
      await instances.stop();
      throw error;
    }
    return instances;
  }

  /** @param {ChatOptions} options */
  constructor(options) {
    this.options = options;
    // All instances take the tokens of each, and nobody else can make one.
    this.secret = randomBytes(32).toString('base64');
  }

  async stop() {
    this.#over = true;
    for (const timer of this.#waiting) clearTimeout(timer);
    await Promise.all([...this.running.values()].map((app) => app.stop()));
  }

  /** @param {number[]} wanted */
  async #start(wanted) {
    /** @type {number[]} */
    const ports = [];
    for (const i of Instances.names.keys()) {
      const free = await portIfFree(wanted[i] ?? 0);
      ports.push(free === 0 ? await freePort() : free);
    }
    this.urls = ports.map((port) => `http://localhost:${port}`);
    await Promise.all(Instances.names.map((name, i) => this.#launch(name, ports[i] ?? 0)));
  }

  /**
   * @param {string} name
   * @param {number} port
   */
  async #launch(name, port) {
    const { folder, redisUrl, prefix, env, print = () => {} } = this.options;
    const app = new AppProcess(
      join(folder, 'dist/server/main.js'),
      {
        INSTANCE_NAME: name,
        PORT: String(port),
        PUBLIC_URL: `http://localhost:${port}`,
        // A page finds the other instance by these, when its own one ends.
        INSTANCE_URLS: this.urls.join(','),
        REDIS_URL: redisUrl,
        REDIS_PREFIX: prefix,
        JWT_SECRET: this.secret,
        ...env,
      },
      1,
    );
    this.running.set(name, app);
    void app.exited.then(() => {
      if (this.running.get(name) === app) this.running.delete(name);
      this.#startAgain(name, port);
    });
    await app.ready;
    app.onPrint(print);
  }

  /**
   * @param {string} name
   * @param {number} port
   */
  #startAgain(name, port) {
    const { print = () => {}, awayMs = AWAY_MS } = this.options;
    if (this.#over) return;
    print(`Instance ${name} has ended. It is started again in ${awayMs / 1000} seconds.\n`);
    const timer = setTimeout(() => {
      this.#waiting.delete(timer);
      if (this.#over) return;
      this.#launch(name, port).then(
        () => print(`Instance ${name} is back.\n`),
        // It ended at once, and is tried again like any other that has ended.
        (error) => print(`${String(error)}\n`),
      );
    }, awayMs);
    this.#waiting.add(timer);
  }
}
