import type { Socket } from 'socket.io';
import type { ResolvedClientLimits } from '../../options/resolve-limits.js';
import { shown } from '../../options/checks.js';
import type { Reporter } from '../../reporting/reporter.js';
import { RateLimiter } from '../../auth/rate-limiter.js';
import type { Refusals } from '../../auth/refusals.js';

/** The code that a client gets for a refused event, and the reason for closing its connection. */
export const TOO_MANY_EVENTS = 'client.too-many-events';

/** The maximum number of users and anonymous connections whose rates are remembered; others begin with a full allowance. */
const MAX_CLIENTS = 100_000;

/**
 * Limits the events that a client may send. Answers a refused event with an error (in the acknowledgement, or in one
 * `exception`), and disconnects a client that goes on.
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
   * @param userId the user at admission; the app may change `socket.data` and `socket.auth`
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

  /** A name for a connection. Engine.IO's id is private. */
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
    // Once only: one for each event would be another flood.
    else if (verdict === 'first') socket.emit('exception', answer);
  }
}
