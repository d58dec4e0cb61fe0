// @ts-check
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const guard = new URL('end-with-parent.mjs', import.meta.url).href;
const startTimeoutMs = 60_000;
const stopTimeoutMs = 5000;

/** A process of the example with one or several instances. */
export class AppProcess {
  /** The output so far. */
  printed = '';
  /** The URLs of the instances. @type {string[]} */
  urls = [];

  /**
   * @param {string} script
   * @param {Record<string, string>} env
   * @param {number} instances the number of instances in the process
   */
  constructor(script, env, instances) {
    this.child = spawn(process.execPath, ['--import', guard, script], {
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.exited = once(this.child, 'exit');
    /** Resolves once all instances listen, and rejects if they fail to. @type {Promise<void>} */
    this.ready = this.#listening(instances);
  }

  /** @param {(text: string) => void} listener */
  onPrint(listener) {
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', listener);
    }
  }

  /** Closes the process, and kills it if it does not end. */
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
