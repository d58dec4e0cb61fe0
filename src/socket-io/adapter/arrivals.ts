import { isDeepStrictEqual } from 'node:util';
import type { Socket } from 'socket.io';
import { shown } from '../../options/checks.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { Refusals } from '../../auth/refusals.js';
import { after, guarded, soon, type Failed } from '../../reporting/timers.js';

type Connection = Socket['conn'];
type Next = (error: Error) => void;
/** Closes a duplicate socket. */
type End = () => void;

/** A CONNECT packet of the standard parser begins with this character, followed by namespace and credentials. */
const CONNECT = '0';
/** How long an app may take to decide whether a dynamic namespace exists. */
const DECISION_MS = 1_000;

const REFUSED_BY_APP = 'connection.refused';

const CONNECT_PACKET = (): string => 'a CONNECT packet';

/** CONNECT packets of a connection that have not arrived at a namespace. */
interface Underway {
  packets: number;
  /** How many of them were given up and counted as refusals. */
  givenUp: number;
  checking: boolean;
  timer?: NodeJS.Timeout | undefined;
}

/**
 * Sockets that are connecting: at most one for each connection and namespace. Socket.IO itself authenticates every
 * CONNECT packet that comes before the reply to the first one, and creates a socket for each.
 *
 * @internal
 */
export class Arrivals {
  /** By connection and namespace. */
  private readonly pending = new WeakMap<Connection, Map<string, Socket>>();
  /** Callbacks that close the duplicates of a closed connection, which Socket.IO would keep for ever. */
  private readonly duplicates = new WeakMap<Connection, End[]>();
  private readonly underway = new WeakMap<Connection, Underway>();
  private readonly failed: Failed;
  /** One listener for all connections. */
  private readonly listener: (this: Connection, data: unknown) => void;

  constructor(
    private readonly refusals: Refusals,
    private readonly reporter: Reporter,
    /** The address of a socket's client, for the log. */
    private readonly addressOf: (socket: Socket) => string,
    /** The longest search for a session of the client, in ms, before the namespace has the socket. */
    private readonly searchMs = 0,
  ) {
    this.failed = reporter.failure('connection.failed', CONNECT_PACKET);
    const received = guarded(this.failed, (connection: Connection, data: unknown) => {
      if (typeof data === 'string' && data.startsWith(CONNECT)) this.sent(connection, data);
    });
    this.listener = function (this: Connection, data: unknown): void {
      received(this, data);
    };
  }

  /** Watches a new connection for CONNECT packets to unknown namespaces, which no middleware sees. */
  watch(connection: Connection): void {
    connection.on('message', this.listener);
  }

  /**
   * Starts to connect a socket. Returns false if its connection already has a socket in this namespace, connected or
   * connecting: the caller must then ignore this socket, and not authenticate it.
   */
  begin(socket: Socket, next: Next): boolean {
    const { conn, nsp } = socket;
    this.arrived(conn);
    const namespaces = this.pending.get(conn) ?? new Map<string, Socket>();
    const first = namespaces.get(nsp.name);
    if (first !== undefined) {
      this.refuseDuplicate(socket, first, next);
      return false;
    }
    this.pending.set(conn, namespaces.set(nsp.name, socket));
    return true;
  }

  /** Called when a socket is connected. From then on Socket.IO closes connections that request its namespace again. */
  connected(socket: Socket): void {
    // CONNECT packets that were read earlier may still be on their way to the middleware.
    soon(this.failed, () => this.remove(socket));
  }

  /** Called when this library has refused a socket. */
  refused(socket: Socket, reason: string): void {
    this.remove(socket);
    if (isOpen(socket.conn)) this.refusals.add(socket.conn, reason);
  }

  /** Called when a socket has left its namespace, or failed to enter it. */
  left(socket: Socket): void {
    if (!this.remove(socket)) return;
    if (!socket.connected && isOpen(socket.conn)) this.refusals.add(socket.conn, REFUSED_BY_APP);
  }

  /** Returns false if the socket was not connecting. */
  private remove(socket: Socket): boolean {
    const namespaces = this.pending.get(socket.conn);
    if (namespaces?.get(socket.nsp.name) !== socket) return false;
    namespaces.delete(socket.nsp.name);
    if (namespaces.size === 0) this.pending.delete(socket.conn);
    return true;
  }

  private refuseDuplicate(socket: Socket, first: Socket, next: Next): void {
    const { conn } = socket;
    const same = hasSameCredentials(socket, first);
    this.reporter.report(
      'connection.duplicate',
      () =>
        `the client at ${this.addressOf(socket)} asked for namespace ${shown(socket.nsp.name)} again before it was admitted, ` +
        (same ? 'and got no second socket' : 'with other credentials, and was disconnected'),
    );
    this.endWithConnection(conn, next);
    if (!isOpen(conn)) return;
    this.refusals.add(conn, 'connection.duplicate');
    // No reply for the same credentials, because the client takes the reply to its first packet. A client that
    // disconnected and became another user meanwhile reconnects by itself, and gets its reply then.
    if (!same) conn.close();
  }

  private endWithConnection(connection: Connection, next: Next): void {
    const end: End = () => next(new Error('Duplicate'));
    if (connection.readyState === 'closed') {
      end();
      return;
    }
    const others = this.duplicates.get(connection);
    if (others !== undefined) {
      others.push(end);
      return;
    }
    const all = [end];
    this.duplicates.set(connection, all);
    connection.once('close', () => {
      for (const endOne of all) this.reporter.attempt('listener.failed', CONNECT_PACKET, endOne);
    });
  }

  /** Called when a client has sent a CONNECT packet. */
  private sent(connection: Connection, packet: string): void {
    const underway = this.underway.get(connection) ?? { packets: 0, givenUp: 0, checking: false };
    this.underway.set(connection, underway);
    underway.packets++;
    if (underway.checking) return;
    underway.checking = true;
    // By then the packet has arrived at its namespace, unless the app takes longer to decide whether it exists.
    soon(this.failed, () => {
      underway.checking = false;
      if (underway.packets === 0 && underway.givenUp === 0) this.underway.delete(connection);
      else if (underway.packets >= this.refusals.limit) this.giveUp(connection, underway, packet);
      else if (underway.packets > 0) {
        underway.timer ??= after(DECISION_MS + this.searchMs, this.failed, () =>
          this.giveUp(connection, underway, packet),
        ).unref();
      }
    });
  }

  /** Called when a CONNECT packet has arrived at a namespace, perhaps later than expected. */
  private arrived(connection: Connection): void {
    const underway = this.underway.get(connection);
    if (underway === undefined) return;
    if (underway.packets > 0) {
      underway.packets--;
    } else if (underway.givenUp > 0) {
      underway.givenUp--;
      this.refusals.forgive(connection);
    }
  }

  private giveUp(connection: Connection, underway: Underway, packet: string): void {
    clearTimeout(underway.timer);
    underway.timer = undefined;
    const { packets } = underway;
    underway.packets = 0;
    if (!isOpen(connection)) return;
    underway.givenUp += packets;
    for (let count = 0; count < packets; count++) {
      this.reporter.report(
        'connection.no-namespace',
        () =>
          `the client at ${connection.remoteAddress} asked for namespace ${shown(namespaceIn(packet))}, which does not exist`,
      );
      if (this.refusals.add(connection, 'connection.no-namespace') === 'ending') return;
    }
  }
}

function isOpen(connection: Connection): boolean {
  return connection.readyState === 'open';
}

function hasSameCredentials({ handshake: one }: Socket, { handshake: other }: Socket): boolean {
  try {
    return isDeepStrictEqual(one.auth, other.auth);
  } catch {
    // Nested too deep to be compared.
    return false;
  }
}

/** `0/chat,{"token":"..."}`; without a name the root namespace. Only the beginning is read. */
function namespaceIn(packet: string): string {
  const name = packet.slice(1, 300);
  return name.startsWith('/') ? name.split(',', 1)[0]! : '/';
}
