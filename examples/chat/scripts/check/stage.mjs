// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { Roamer } from './roamer.mjs';

const PATIENCE_MS = 60_000;

/**
 * @typedef {object} Place
 * @property {string[]} urls of the instances one and two
 * @property {string} redisUrl
 * @property {string} prefix
 * @property {string} cli path of redis-cli
 */

/** @typedef {{ token: string, user: { id: string, name: string } }} Login */

/** A client that records its events. */
export class Client {
  /** @type {{ event: string, data: any }[]} */
  heard = [];

  /** @param {import('socket.io-client').Socket} socket */
  constructor(socket) {
    this.socket = socket;
    socket.onAny((event, data) => this.heard.push({ event, data }));
  }

  /** @param {string} event */
  all(event) {
    return this.heard.filter((each) => each.event === event).map(({ data }) => data);
  }

  /**
   * @param {string} event
   * @param {unknown} data
   */
  ask(event, data) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(event, data);
  }

  /**
   * The first event of this name for which the condition holds.
   *
   * @param {string} event
   * @param {(data: any) => boolean} is
   */
  async hears(event, is = () => true) {
    await until(
      () => this.all(event).some(is),
      () => `the event "${event}"; heard: ${JSON.stringify(this.heard.slice(-5))}`,
    );
    return this.all(event).find(is);
  }
}

/** The clients of a check on the two instances. */
export class Stage {
  /** @type {{ close(): unknown }[]} */
  #guests = [];

  /** @param {Place} place */
  constructor(place) {
    this.place = place;
  }

  /**
   * @param {string} name
   * @returns {Promise<Login>}
   */
  async logIn(name) {
    return (await this.post(0, '/auth/login', { name, password: 'demo' })).body;
  }

  /**
   * @param {number} instance
   * @param {string} path
   * @param {object} body
   * @param {Login} [login]
   */
  async post(instance, path, body, login) {
    const response = await fetch(`${this.place.urls[instance]}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(login && { authorization: `Bearer ${login.token}` }),
      },
      body: JSON.stringify(body),
    });
    /** @type {any} */
    const answer = await response.json();
    return { status: response.status, body: answer };
  }

  /** @param {number} instance */
  async view(instance) {
    const response = await fetch(`${this.place.urls[instance]}/cluster`);
    return /** @type {import('../../shared/model.js').ClusterView} */ (await response.json());
  }

  /**
   * @param {number} instance
   * @param {string} namespace
   * @param {Login} login
   * @param {string} [device]
   */
  async connect(instance, namespace, { token }, device = 'A check') {
    const socket = io(`${this.place.urls[instance]}${namespace}`, {
      transports: ['websocket'],
      forceNew: true,
      auth: { token, metadata: { device } },
    });
    this.#guests.push(socket);
    const client = new Client(socket);
    await until(
      () => socket.connected,
      () => `a connection to ${this.place.urls[instance]}`,
    );
    return client;
  }

  /**
   * A client in the lobby that moves when an instance ends.
   *
   * @param {Login} login
   * @param {number[]} instances
   */
  async roamer({ token }, ...instances) {
    const urls = instances.map((i) => this.place.urls[i] ?? '');
    const roamer = new Roamer(urls, token, 'lobby');
    this.#guests.push(roamer);
    await until(
      () => roamer.connections > 0,
      () => `somebody to be in the lobby at ${urls[0]}`,
    );
    return roamer;
  }

  close() {
    for (const guest of this.#guests) guest.close();
  }
}

/**
 * @param {() => boolean | Promise<boolean>} condition
 * @param {() => string} what
 */
export async function until(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what()}`);
    await sleep(10);
  }
}
