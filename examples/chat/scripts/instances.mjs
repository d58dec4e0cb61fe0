// @ts-check
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AppProcess } from '../../../scripts/demo/app-process.mjs';
import { portIfFree } from '../../../scripts/demo/instances.mjs';
import { freePort } from '../../../scripts/redis/probe.mjs';

/** How long a stopped instance stays down: long enough to see how the app continues without it. */
export const AWAY_MS = 3000;

/**
 * @typedef {object} ChatOptions
 * @property {string} folder of the built example
 * @property {string} redisUrl
 * @property {string} prefix
 * @property {number[]} [ports] one for each instance; a port in use is replaced. Default: any
 * @property {Record<string, string>} [env] further variables, for all instances
 * @property {number} [awayMs] how long an ended instance stays down; `Infinity`: until `startAgain`. Default:
 * {@link AWAY_MS}
 * @property {(text: string) => void} [print] the output of the instances, and their starts and ends
 */

/** Instances of examples/chat, `one` and `two`. An instance that ends is started again on the same port. */
export class Instances {
  static names = ['one', 'two'];
  /** @type {string[]} */
  urls = [];
  /** Running instances, by name. @type {Map<string, AppProcess>} */
  running = new Map();
  /** Functions that restart ended instances, by name. @type {Map<string, () => Promise<void>>} */
  #ended = new Map();
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
    // All instances accept the tokens of each, and nobody else can issue one.
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
        // A page finds the other instance by these URLs when its own one ends.
        INSTANCE_URLS: this.urls.join(','),
        REDIS_URL: redisUrl,
        REDIS_PREFIX: prefix,
        JWT_SECRET: this.secret,
        // A restarted instance is back sooner with Node 22.1 and later; earlier versions ignore it.
        NODE_COMPILE_CACHE: join(folder, 'node_modules/.cache/compiled'),
        ...env,
      },
      1,
    );
    this.running.set(name, app);
    void app.exited.then(() => {
      if (this.running.get(name) === app) this.running.delete(name);
      this.#startLater(name, port);
    });
    await app.ready;
    app.onPrint(print);
  }

  /**
   * Starts an instance that has ended, or is about to end.
   *
   * @param {string} name
   */
  async startAgain(name) {
    await this.running.get(name)?.exited;
    await this.#ended.get(name)?.();
  }

  /**
   * @param {string} name
   * @param {number} port
   */
  #startLater(name, port) {
    const { print = () => {}, awayMs = AWAY_MS } = this.options;
    if (this.#over) return;
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    const start = async () => {
      clearTimeout(timer);
      if (timer !== undefined) this.#waiting.delete(timer);
      if (this.#over || !this.#ended.delete(name)) return;
      try {
        await this.#launch(name, port);
        print(`Instance ${name} is back.\n`);
      } catch (error) {
        // It ended at once, and is restarted like any other.
        print(`${String(error)}\n`);
      }
    };
    this.#ended.set(name, start);
    if (awayMs === Infinity) return;
    print(`Instance ${name} has ended. It is started again in ${awayMs / 1000} seconds.\n`);
    timer = setTimeout(() => void start(), awayMs);
    this.#waiting.add(timer);
  }
}
