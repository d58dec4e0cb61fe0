import type { Socket } from 'socket.io';
import type { ResolvedClientLimits } from '../../options/resolve-limits.js';
import { shown } from '../../options/checks.js';
import type { Reporter } from '../../reporting/reporter.js';
import { RateLimiter } from '../../auth/rate-limiter.js';
import type { Refusals } from '../../auth/refusals.js';

/** What a client sees whose event was refused; and the reason for which its connection is closed. */
export const TOO_MANY_EVENTS = 'client.too-many-events';

/** Users and anonymous connections whose buckets are remembered; others have a full one. */
const MAX_CLIENTS = 100_000;

/**
 * How many events clients may send. Who sends more learns it (by the acknowledgement, or once by an `exception`), and is
 * disconnected where that does not help.
 *
 * @internal
 */
export class ClientLimits {
  private readonly events: RateLimiter | undefined;
  private readonly names = new WeakMap<Socket['conn'], string>();
  private connections = 0;

  constructor(
    { eventsPerSecond, eventBurst }: ResolvedClientLimits,
    private readonly refusals: Refusals,
    private readonly reporter: Reporter,
  ) {
    if (eventsPerSecond !== undefined) {
      this.events = new RateLimiter(eventsPerSecond, MAX_CLIENTS, undefined, eventBurst);
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
    const client = userId === undefined ? this.nameOf(socket.conn) : `user:${userId}`;
    socket.use((packet, next) => {
      const retryAfterMs = events.take(client);
      if (retryAfterMs === 0) next();
      else this.refuse(socket, packet, retryAfterMs);
    });
  }

  /** Without an id of Engine.IO's: that one is private. */
  private nameOf(connection: Socket['conn']): string {
    const known = this.names.get(connection);
    if (known !== undefined) return known;
    const name = `connection:${++this.connections}`;
    this.names.set(connection, name);
    return name;
  }

  private refuse(socket: Socket, packet: readonly unknown[], retryAfterMs: number): void {
    this.reporter.report(
      'client.too-many-events',
      () => `${shown(packet[0])} of socket ${socket.id} was refused`,
    );
    const verdict = this.refusals.add(socket.conn, TOO_MANY_EVENTS);
    if (verdict === 'ending') return;
    const answer = {
      status: 'error',
      code: TOO_MANY_EVENTS,
      message: 'Too many events',
      retryAfterMs,
    };
    const ack = packet.at(-1);
    if (typeof ack === 'function') ack(answer);
    // Not for each: that would be a flood of our own.
    else if (verdict === 'first') socket.emit('exception', answer);
  }
}
