// @ts-check
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** The longest request line and headers that are read to find the client's name. */
const MAX_HEAD_BYTES = 16_384;

/**
 * @typedef {object} Link
 * @property {import('node:net').Socket} client
 * @property {import('node:net').Socket | undefined} upstream
 * @property {string} name of the client; empty if its URL has none
 * @property {number} instance
 * @property {boolean} frozen whether bytes and ends are discarded in both directions
 */

/** @typedef {(link: Readonly<Pick<Link, 'name' | 'instance'>>) => boolean} Choose */

/** @type {Choose} */
const ALL = () => true;

/**
 * A load balancer between Socket.IO clients and instances that simulates network failures on this side. Each Engine.IO
 * session goes to the next ready instance, or to the one chosen for its client; the requests of a session stay at its
 * instance. A client has a name if its URL has it: `io(url, { query: { client: 'alice' } })`. Clients that poll need
 * one.
 */
export class Balancer {
  /** @type {Set<Link>} */
  #links = new Set();
  /** The instances of the sessions, by the clients' names. @type {Map<string, number>} */
  #homes = new Map();
  /** @type {Map<string, number>} */
  #chosen = new Map();
  #next = 0;
  #refusing = 0;
  #server;

  /**
   * @param {import('node:net').Server} server
   * @param {string[]} instances
   */
  constructor(server, instances) {
    this.#server = server;
    /** The URLs of the instances; may change at any time. */
    this.instances = instances;
    /** Whether an instance gets new sessions. @type {(instance: number) => boolean} */
    this.isReady = () => true;
    server.on('connection', (client) => this.#accept(client));
  }

  /** @param {readonly string[]} [instances] URLs */
  static async start(instances = []) {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new Balancer(server, [...instances]);
  }

  get url() {
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${port}`;
  }

  /** The number of open connections. */
  get connections() {
    return this.#links.size;
  }

  /** The instance of the last session of a client. @param {string} name */
  instanceOf(name) {
    return this.#homes.get(name);
  }

  /**
   * The next sessions of this client go to this instance; without one, to the next ready instance.
   *
   * @param {string} name
   * @param {number} [instance]
   */
  sendTo(name, instance) {
    if (instance === undefined) this.#chosen.delete(name);
    else this.#chosen.set(name, instance);
  }

  /** Closes connections, all by default. Returns their number. @param {Choose} [choose] */
  cut(choose = ALL) {
    const links = [...this.#links].filter(choose);
    for (const link of links) this.#cut(link);
    return links.length;
  }

  /** Refuses new connections until the returned function is called. */
  refuse() {
    this.#refusing++;
    let over = false;
    return () => {
      if (!over) this.#refusing--;
      over = true;
    };
  }

  /** Closes all connections and refuses new ones. Resolves after this time. @param {number} ms */
  async cutFor(ms) {
    const accept = this.refuse();
    this.cut();
    await new Promise((resolve) => setTimeout(resolve, ms));
    accept();
  }

  /**
   * From now on no byte and no end of these connections reaches the other side; both sides stay open. Returns the
   * number of connections.
   *
   * @param {Choose} [choose]
   */
  standStill(choose = ALL) {
    const links = [...this.#links].filter(choose);
    for (const link of links) link.frozen = true;
    return links.length;
  }

  async close() {
    this.#server.close();
    this.cut();
    await once(this.#server, 'close');
  }

  /** @param {import('node:net').Socket} client */
  #accept(client) {
    client.on('error', () => client.destroy());
    if (this.#refusing > 0) {
      client.destroy();
      return;
    }
    /** @type {Link} */
    const link = { client, upstream: undefined, name: '', instance: -1, frozen: false };
    this.#links.add(link);
    let head = Buffer.alloc(0);
    const read = (/** @type {Buffer} */ bytes) => {
      if (link.frozen) return;
      head = Buffer.concat([head, bytes]);
      if (!head.includes('\r\n') && head.length < MAX_HEAD_BYTES) return;
      client.off('data', read).pause();
      this.#route(link, head);
    };
    client.on('data', read);
    for (const event of ['end', 'close']) client.on(event, () => this.#ended(link));
  }

  /** Chooses the instance of a connection by its request. @param {Link} link @param {Buffer} head */
  #route(link, head) {
    const [, path = '/'] = head.toString('latin1', 0, head.indexOf('\r\n')).split(' ');
    const { searchParams } = new URL(path, this.url);
    link.name = searchParams.get('client') ?? '';
    const home = searchParams.has('sid') ? this.#homes.get(link.name) : undefined;
    if (home === undefined) this.#open(link, head, this.instances.length);
    else this.#forward(link, head, home, 0);
  }

  /**
   * Begins a session at the chosen instance, or at the next one that is ready.
   *
   * @param {Link} link
   * @param {Buffer} head
   * @param {number} attempts at instances that do not accept connections
   */
  #open(link, head, attempts) {
    const ready = [...this.instances.keys()].filter((instance) => this.isReady(instance));
    const instance = this.#chosen.get(link.name) ?? ready[this.#next++ % ready.length];
    if (instance === undefined || attempts <= 0) {
      this.#cut(link);
      return;
    }
    this.#homes.set(link.name, instance);
    this.#forward(link, head, instance, attempts - 1);
  }

  /**
   * @param {Link} link
   * @param {Buffer} head
   * @param {number} instance
   * @param {number} attempts with other instances, if this one does not accept the connection
   */
  #forward(link, head, instance, attempts) {
    const { client } = link;
    const { hostname, port } = new URL(this.instances[instance] ?? this.url);
    const upstream = connect({
      port: Number(port),
      host: hostname,
      noDelay: true,
      allowHalfOpen: true,
    });
    link.upstream = upstream;
    link.instance = instance;
    let isOpen = false;
    upstream.on('connect', () => {
      isOpen = true;
      upstream.write(head);
      client.on('data', (bytes) => {
        if (!link.frozen) upstream.write(bytes);
      });
      client.resume();
    });
    upstream.on('data', (bytes) => {
      if (!link.frozen && !client.destroyed) client.write(bytes);
    });
    upstream.on('error', () => upstream.destroy());
    upstream.on('end', () => this.#ended(link));
    upstream.on('close', () => {
      if (isOpen || attempts === 0 || client.destroyed) this.#ended(link);
      else this.#open(link, head, attempts);
    });
  }

  /** One side has ended: the other one gets what was written, and ends. @param {Link} link */
  #ended(link) {
    const { frozen, client, upstream } = link;
    if (frozen) return;
    this.#links.delete(link);
    client.destroySoon();
    upstream?.destroySoon();
  }

  /** @param {Link} link */
  #cut(link) {
    this.#links.delete(link);
    link.client.destroy();
    link.upstream?.destroy();
  }
}
