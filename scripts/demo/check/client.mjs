// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';

const timeoutMs = 30_000;

/**
 * The prefix of texts that end a check. When a client has received one, it has received everything sent earlier, so
 * a missing event will not come any more: silence without a sleep.
 */
export const FENCE = 'fence:';

/**
 * @typedef {object} Role
 * @property {string} url of the instance
 * @property {string} [namespace] default: `/`
 * @property {string} [token] default: anonymous
 */

/** A real socket.io client that records every event. */
export class Client {
  /** Name and data of each event, in order of arrival. @type {string[]} */
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
    /** `connected`, or the error code of the refusal. @type {Promise<string>} */
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
   * @returns whether this many events came in time
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
