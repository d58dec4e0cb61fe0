// @ts-check
import { readFile } from 'node:fs/promises';
import { sumOf } from '../../test/support/delivery-record.mjs';
import { startProcess } from './process-handle.mjs';

const CLIENTS = new URL('returning-clients.mjs', import.meta.url);
/** A process may have some 20,000 files open. */
const CLIENTS_PER_PROCESS = 15_000;
/** Files of an instance beside its clients. */
const OTHER_FILES = 200;

/** @typedef {import('./process-handle.mjs').ProcessHandle} ProcessHandle */

/** Clients that lose their connections and come back, in as many processes as they need. */
export class ClientGroup {
  /** @param {ProcessHandle[]} processes */
  constructor(processes) {
    this.processes = processes;
  }

  /** @param {number} count */
  static async start(count) {
    const processes = Math.ceil(count / CLIENTS_PER_PROCESS);
    const started = Array.from({ length: processes }, (_, i) =>
      // Each address has some 28,000 ports.
      startProcess(CLIENTS, processes === 1 ? {} : { LOCAL_ADDRESS: `127.0.1.${i + 1}` }),
    );
    return new ClientGroup(await Promise.all(started));
  }

  /** @param {string} name @param {(process: number) => unknown[]} [argsOf] @returns {Promise<any[]>} */
  all(name, argsOf = () => []) {
    return Promise.all(this.processes.map((process, i) => process.call(name, ...argsOf(i))));
  }

  /** Calls a function with the part of a list that has an entry for each client. @param {string} name @param {unknown[]} list @param {unknown[]} args */
  each(name, list, ...args) {
    return this.all(name, (process) => [
      list.slice(process * CLIENTS_PER_PROCESS, (process + 1) * CLIENTS_PER_PROCESS),
      ...args,
    ]);
  }

  /** @param {string} name @param {(process: number) => unknown[]} [argsOf] @returns {Promise<number>} */
  async sum(name, argsOf) {
    const numbers = await this.all(name, argsOf);
    return numbers.reduce((sum, number) => sum + number, 0);
  }

  /** Clients lose their connections. Resolves to the number of those that had one. @param {number[]} places @param {number} [awayMs] */
  lose(places, awayMs) {
    return this.sum('lose', (process) => {
      const first = process * CLIENTS_PER_PROCESS;
      const own = places.map((place) => place - first);
      return [own.filter((place) => place >= 0 && place < CLIENTS_PER_PROCESS), awayMs];
    });
  }

  /** The clients of an instance. @param {number} instance @returns {Promise<number[]>} */
  async placesAt(instance) {
    const found = await this.all('placesAt', () => [instance]);
    return found.flatMap((places, process) =>
      places.map((/** @type {number} */ place) => process * CLIENTS_PER_PROCESS + place),
    );
  }

  /** Judges the clients by the number of events that were sent to each. @param {number[]} sent @returns {Promise<import('../../test/support/delivery-record.mjs').Judgement>} */
  async judge(sent) {
    return sumOf(await this.each('judge', sent));
  }

  async stop() {
    await this.all('leave');
    await Promise.all(this.processes.map((process) => process.stop()));
  }
}

/** Refuses more clients of one instance than it may have open files. @param {number} clients */
export async function checkOpenFiles(clients) {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const most = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Infinity) - OTHER_FILES;
  if (clients > most) {
    throw new Error(`an instance would have ${clients} clients; \`ulimit -n\` allows ${most}`);
  }
}
