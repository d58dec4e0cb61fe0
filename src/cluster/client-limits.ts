import type { Socket } from 'socket.io';
import type { ResolvedClientLimits } from '../options/resolve-limits.js';
import { shown } from '../options/checks.js';
import type { Reporter } from '../reporting/reporter.js';
import { HandshakeLimit } from '../sockets/handshake-limit.js';
import { endSockets } from './end-sockets.js';

/** What a client sees whose event was refused; and the reason for which its connection is closed. */
export const TOO_MANY_EVENTS = 'client.too-many-events';

/** After a pause so long its refusals are forgiven. */
const FORGIVEN_AFTER_MS = 10_000;
/** Users and anonymous connections whose buckets are remembered; others have a full one. */
const MOST_CLIENTS = 100_000;

interface Refusals {
  count: number;
  at: number;
}

/**
 * How many events clients may send. Who sends more learns it (by the acknowledgement, or once by an `exception`), and is
 * disconnected where that does not help.
 *
 * @internal
 */
export class ClientLimits {
  private readonly events: HandshakeLimit | undefined;
  /** Of a connection, whatever namespaces it has. */
  private readonly refusals = new WeakMap<object, Refusals>();

  /** @param now in ms, from a clock that nobody sets */
  constructor(
    private readonly limits: ResolvedClientLimits,
    private readonly reporter: Reporter,
    private readonly now: () => number = () => performance.now(),
  ) {
    const { eventsPerSecond, eventBurst } = limits;
    if (eventsPerSecond !== undefined) {
      this.events = new HandshakeLimit(eventsPerSecond, MOST_CLIENTS, now, eventBurst);
    }
  }

  /**
   * Called when a socket is connected, before the app has it.
   *
   * @param userId whom the authentication has let in; `socket.data` and `socket.auth` are the app's to change
   */
  connected(socket: Socket, userId: string | undefined): void {
    const { events } = this;
    if (events === undefined) return;
    // A user has one limit for all sockets.
    const client = userId === undefined ? `connection:${connectionOf(socket)}` : `user:${userId}`;
    socket.use((packet, next) => {
      const retryAfterMs = events.take(client);
      if (retryAfterMs === 0) next();
      else this.refuse(socket, packet, retryAfterMs);
    });
  }

  private refuse(socket: Socket, packet: readonly unknown[], retryAfterMs: number): void {
    const { refusals } = this.limits;
    const count = this.counted(socket.client);
    this.reporter.report(
      'client.too-many-events',
      () => `${shown(packet[0])} of socket ${socket.id} was refused`,
    );
    if (count >= refusals) {
      // Once: what else it has sent comes in until it is gone.
      if (count > refusals) return;
      this.reporter.report('client.disconnected', () => `socket ${socket.id}: ${TOO_MANY_EVENTS}`);
      // What came before and was not refused is handled first.
      setImmediate(() =>
        endSockets([socket], { close: true, reason: TOO_MANY_EVENTS }, this.reporter),
      );
      return;
    }
    const answer = {
      status: 'error',
      code: TOO_MANY_EVENTS,
      message: 'Too many events',
      retryAfterMs,
    };
    const ack = packet.at(-1);
    if (typeof ack === 'function') ack(answer);
    // Not for each: that would be a flood of our own.
    else if (count === 1) socket.emit('exception', answer);
  }

  private counted(connection: object): number {
    const now = this.now();
    const before = this.refusals.get(connection);
    if (before === undefined || now - before.at > FORGIVEN_AFTER_MS) {
      this.refusals.set(connection, { count: 1, at: now });
      return 1;
    }
    before.at = now;
    return ++before.count;
  }
}

function connectionOf({ client }: Socket): string {
  return (client as unknown as { readonly id: string }).id;
}
