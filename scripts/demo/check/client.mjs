// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';

const timeoutMs = 30_000;

/**
 * What texts that end a check begin with. A client that has got one has got everything that was
 * sent before it, so what is missing then does not come any more: silence without a sleep.
 */
export const FENCE = 'fence:';

/**
 * @typedef {object} Role
 * @property {string} url of the instance
 * @property {string} [namespace] default: `/`
 * @property {string} [token] none: anonymous
 */

/** A real socket.io client that keeps every event it gets. */
export class Client {
  /** Name and data of each event, in the order of arrival. @type {string[]} */
  received = [];
  /** @type {Set<string>} */
  #fences = new Set();

  /** @param {Role} role */
  constructor({ url, namespace = '/', token }) {
    this.socket = io(url + namespace, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: token === undefined ? {} : { token },
    });
    this.socket.onAny((event, data) => {
      const text = data?.text;
      if (typeof text === 'string' && text.startsWith(FENCE)) this.#fences.add(text);
      else this.received.push(`${event} ${JSON.stringify(data)}`);
    });
    /** `connected`, or the code that the server refused it with. @type {Promise<string>} */
    this.outcome = new Promise((resolve) => {
      this.socket.once('connect', () => resolve('connected'));
      this.socket.once('connect_error', (error) => {
        const { data } = /** @type {{ data?: { code?: string } }} */ (error);
        resolve(data?.code ?? error.message);
      });
    });
  }

  /**
   * @param {number} count
   * @returns whether so many came in time
   */
  waitForEvents(count) {
    return until(() => this.received.length >= count);
  }

  /**
   * @param {string} text
   * @returns whether it came in time
   */
  waitForFence(text) {
    return until(() => this.#fences.has(text));
  }

  close() {
    this.socket.disconnect();
  }
}

/** @param {() => boolean} condition */
async function until(condition) {
  const end = Date.now() + timeoutMs;
  while (!condition() && Date.now() < end) await sleep(5);
  return condition();
}
