// @ts-check
import { randomUUID } from 'node:crypto';
import { Client, FENCE } from './client.mjs';

/** The clients of a check in one namespace, by their names in the report. */
export class Cast {
  /** @type {Map<string, Client>} */
  #clients;

  /** @param {Record<string, import('./client.mjs').Role>} roles */
  constructor(roles) {
    this.#clients = new Map(Object.entries(roles).map(([name, role]) => [name, new Client(role)]));
  }

  /** Rejects if a client is refused. */
  async connected() {
    for (const [name, client] of this.#clients) {
      const outcome = await client.outcome;
      if (outcome !== 'connected') throw mismatch(name, 'connected', outcome);
    }
  }

  /**
   * @param {string} name
   * @param {string} event
   * @param {unknown[]} data
   */
  emit(name, event, ...data) {
    this.#clients.get(name)?.socket.emit(event, ...data);
  }

  /**
   * @param {string[]} events
   * @returns {Record<string, string[]>} the same events for each client
   */
  each(...events) {
    return Object.fromEntries([...this.#clients.keys()].map((name) => [name, events]));
  }

  /**
   * Checks that each client received these events, in this order, and no others; a client that is not named, none.
   *
   * @param {Record<string, string[]>} expected
   * @param {((text: string) => unknown)[]} sendToAll functions that send a text to all of these clients, one for
   * each instance: events of different instances have no common order
   * @returns {Promise<string[]>} the clients with their events, for people
   */
  async gotExactly(expected, sendToAll) {
    const wanted = (/** @type {string} */ name) => expected[name] ?? [];
    await Promise.all(
      [...this.#clients].map(([name, client]) => client.waitForEvents(wanted(name).length)),
    );
    this.#compare(wanted);
    for (const send of sendToAll) await this.#fence(send);
    this.#compare(wanted);
    return this.#report();
  }

  close() {
    for (const client of this.#clients.values()) client.close();
  }

  /** @param {(name: string) => string[]} wanted */
  #compare(wanted) {
    const errors = [...this.#clients]
      .map(([name, { received }]) => [name, listed(wanted(name)), listed(received)])
      .filter(([, expected, seen]) => expected !== seen)
      .map(([name = '', expected = '', seen = '']) => mismatch(name, expected, seen).message);
    if (errors.length > 0) throw new Error(errors.join('\n'));
  }

  /** @param {(text: string) => unknown} send */
  async #fence(send) {
    const text = FENCE + randomUUID();
    await send(text);
    for (const [name, client] of this.#clients) {
      if (!(await client.waitForFence(text))) {
        throw mismatch(name, `${text}, sent to all`, listed(client.received));
      }
    }
  }

  /** One line for each list of events, with all clients that received it. */
  #report() {
    /** @type {Map<string, string[]>} */
    const lines = new Map();
    for (const [name, { received }] of this.#clients) {
      const events = listed(received);
      lines.set(events, [...(lines.get(events) ?? []), name]);
    }
    return [...lines].map(([events, names]) => `${names.join('; ')}: ${events}`);
  }
}

/** @param {string[]} events */
function listed(events) {
  return events.length === 0 ? 'nothing' : events.join(', ');
}

/**
 * @param {string} who
 * @param {string} expected
 * @param {string} seen
 */
export function mismatch(who, expected, seen) {
  return new Error(`expected  ${who}: ${expected}\nseen      ${who}: ${seen}`);
}
