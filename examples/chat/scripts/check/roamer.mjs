// @ts-check
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

/** @typedef {import('../../shared/model.js').Message} Message */

/**
 * A client in one room of the chat that behaves like the page: it moves to the next instance when one ends, joins
 * the room again there, reads missed messages from the history, and resends messages that were not acknowledged.
 */
export class Roamer {
  /** The visible messages, by id. @type {Map<string, Message>} */
  seen = new Map();
  /** The number of connections to instances so far. */
  connections = 0;
  /**
   * Messages without an acknowledgement, in the order of writing. @type {{ room: string, text: string, clientId:
   * string }[]}
   */
  #unsent = [];
  #sending = false;
  /** Whether it is connected and in the room. */
  #ready = false;
  #over = false;
  /** @type {import('socket.io-client').Socket | undefined} */
  #socket;

  /**
   * @param {string[]} urls of the instances; the first one is tried first
   * @param {string} token
   * @param {string} room
   */
  constructor(urls, token, room) {
    this.urls = urls;
    this.token = token;
    this.room = room;
    this.#connect(0);
  }

  /** @param {string} text */
  say(text) {
    this.#unsent.push({ room: this.room, text, clientId: randomUUID() });
    void this.#send();
  }

  get allSent() {
    return this.#unsent.length === 0;
  }

  /** The texts of one user, as this client would show them. @param {string} userId */
  texts(userId) {
    return [...this.seen.values()]
      .filter(({ user }) => user.id === userId)
      .sort((a, b) => a.at - b.at || order(a.id) - order(b.id))
      .map(({ text }) => text);
  }

  close() {
    this.#over = true;
    this.#socket?.disconnect();
  }

  /** @param {number} attempt */
  #connect(attempt) {
    if (this.#over) return;
    const url = this.urls[attempt % this.urls.length] ?? '';
    const socket = io(`${url}/chat`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      auth: { token: this.token, metadata: { device: 'A client that moves' } },
    });
    this.#socket = socket;
    const next = () => {
      this.#ready = false;
      setTimeout(() => this.#connect(attempt + 1), 100);
    };
    socket.on('message', (message) => this.#see(message));
    socket.on('connect', () => void this.#arrived());
    socket.on('connect_error', next);
    socket.on('disconnect', next);
  }

  async #arrived() {
    try {
      const joined = await this.#ask('join', { room: this.room });
      this.#ready = true;
      this.connections++;
      for (const message of joined.history) this.#see(message);
      await this.#send();
    } catch {
      // Disconnected again, or Redis is down: the next connection tries again.
      this.#socket?.disconnect();
    }
  }

  /** Sends one after the other, so that they arrive in the order of writing. */
  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#ready && this.#unsent[0] !== undefined) {
        this.#see(await this.#ask('message', this.#unsent[0]));
        this.#unsent.shift();
      }
    } catch {
      // It stays first in the queue and is sent again, on this connection or the next one: its id prevents a
      // duplicate.
      setTimeout(() => void this.#send(), 200);
    } finally {
      this.#sending = false;
    }
  }

  /** @param {Message} message */
  #see(message) {
    this.seen.set(message.id, message);
  }

  /**
   * @param {string} event
   * @param {object} data
   */
  async #ask(event, data) {
    const answer = await this.#socket?.timeout(8000).emitWithAck(event, data);
    if (answer?.status === 'error') throw new Error(`${event}: ${JSON.stringify(answer)}`);
    return answer;
  }
}

/** The order of messages of one millisecond. @param {string} id */
const order = (id) => Number(id.split('-')[1] ?? 0);
