// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const guard = new URL('end-with-parent.mjs', import.meta.url).href;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 5000;

/** A process of the example, with one instance in it or several. */
export class AppProcess {
  /** All that it has printed so far. */
  printed = '';
  /** Where the instances listen. @type {string[]} */
  urls = [];

  /**
   * @param {string} script
   * @param {Record<string, string>} env
   * @param {number} instances how many there will be in it
   */
  constructor(script, env, instances) {
    this.child = spawn(process.execPath, ['--import', guard, script], {
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.child, 'exit');
    /** Settles once all instances listen, or will not. @type {Promise<void>} */
    this.ready = this.#listening(instances);
  }

  /** @param {(text: string) => void} listener */
  onPrint(listener) {
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', listener);
    }
  }

  /** Has it close, and kills it where it does not. */
  async stop() {
    this.child.kill('SIGTERM');
    const impatience = setTimeout(() => this.child.kill('SIGKILL'), stopTimeoutMs);
    await this.exited;
    clearTimeout(impatience);
  }

  /** @param {number} instances */
  async #listening(instances) {
    const listening = new Promise((resolve) => {
      this.onPrint((text) => {
        this.printed += text;
        const ports = [...this.printed.matchAll(/^Listening on \S+:(\d+)$/gm)];
        this.urls = ports.map(([, port]) => `http://localhost:${port}`);
        if (ports.length === instances) resolve(undefined);
      });
    });
    const tooLate = sleep(startTimeoutMs, undefined, { ref: false });
    await Promise.race([listening, this.exited, tooLate]);
    if (this.urls.length === instances) return;
    throw new Error(`an instance of the example did not start:\n${this.printed}`);
  }
}
