import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import {
  DISCONNECT_EVENT,
  type DisconnectNotice,
  type DisconnectReason,
} from './disconnect-notice.js';
import { ExpirySchedule, type Scheduled } from './expiry-schedule.js';

/** The event that tells a client that its identity is about to expire, with a {@link TokenExpiring}. */
export const EXPIRING_EVENT = 'auth:expiring';

/** The data of `auth:expiring`. */
export interface TokenExpiring {
  /** In ms since 1970, by the clock of the server. */
  readonly expiresAt: number;
  /** The remaining time, for clients whose clock is wrong. */
  readonly expiresInMs: number;
}

/** The reason in `propagator:disconnect` when the identity of a socket has expired. */
const EXPIRED: DisconnectReason = 'auth.expired';

/** A socket whose identity expires, from its connection until it has left. */
interface ExpiringSocket extends Scheduled {
  readonly socket: Socket;
  expiresAt: number;
  /** True once the client has been warned of this expiry. */
  warned: boolean;
}

/**
 * Warns sockets whose identity is about to expire, and disconnects them when it has. The result of `authenticate`
 * counts, not later changes of `socket.auth` by the app.
 *
 * @internal
 */
export class TokenExpiry {
  /** When the identities of connecting sockets expire, in ms since 1970. */
  private readonly expiries = new WeakMap<Socket, number>();
  private readonly entries = new Map<string, ExpiringSocket>();
  private readonly schedule: ExpirySchedule<ExpiringSocket>;
  private readonly warningMs: number;

  constructor(
    options: Pick<ResolvedAuthOptions, 'expiryWarningMs'> | undefined,
    private readonly reporter: Reporter,
  ) {
    this.schedule = new ExpirySchedule<ExpiringSocket>((entry) => this.due(entry), reporter);
    this.warningMs = options?.expiryWarningMs ?? 0;
  }

  /** Called when the owner of a socket is known. */
  admitted(socket: Socket, expiresAt: number | undefined): void {
    if (expiresAt !== undefined) this.expiries.set(socket, expiresAt);
  }

  /** Called when a socket is connected. */
  connected(socket: Socket): void {
    const expiresAt = this.expiries.get(socket);
    if (expiresAt === undefined) return;
    this.expiries.delete(socket);
    const entry = this.track(socket, expiresAt);
    const now = Date.now();
    // An identity that has expired by now takes its turn like any other: the gateway has not seen the socket yet.
    if (expiresAt - this.warningMs <= now && now < expiresAt) this.warn(entry);
    else this.scheduleWarning(entry, expiresAt - this.warningMs);
  }

  /** Called when a connected socket has a new identity. */
  renewed(socket: Socket, expiresAt: number | undefined): void {
    this.left(socket.id);
    if (expiresAt === undefined) return;
    const entry = this.track(socket, expiresAt);
    // At half of the lifetime at the earliest: tokens that live for less than the warning time would be refreshed
    // without a pause.
    const now = Date.now();
    this.scheduleWarning(entry, Math.max(expiresAt - this.warningMs, now + (expiresAt - now) / 2));
  }

  /** Tells whether a socket's identity has expired, even if the socket has not been disconnected yet. */
  hasExpired(socket: Socket): boolean {
    const entry = this.entries.get(socket.id);
    return entry !== undefined && entry.expiresAt <= Date.now();
  }

  /** Called when a socket has left, connected or not. */
  left(id: string): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    this.schedule.delete(entry);
  }

  close(): void {
    this.schedule.close();
    this.entries.clear();
  }

  private track(socket: Socket, expiresAt: number): ExpiringSocket {
    const entry: ExpiringSocket = {
      socket,
      expiresAt,
      warned: this.warningMs === 0,
      second: undefined,
    };
    this.entries.set(socket.id, entry);
    return entry;
  }

  private scheduleWarning(entry: ExpiringSocket, warnAt: number): void {
    // The schedule rounds up to whole seconds. A warning should come early rather than after the expiry.
    this.schedule.set(entry, entry.warned ? entry.expiresAt : warnAt - 999);
  }

  private due(entry: ExpiringSocket): void {
    if (Date.now() < entry.expiresAt) this.warn(entry);
    else this.end(entry);
  }

  private warn(entry: ExpiringSocket): void {
    const { socket, expiresAt, warned } = entry;
    this.schedule.set(entry, expiresAt);
    if (warned) return;
    entry.warned = true;
    const expiresInMs = Math.max(0, expiresAt - Date.now());
    const data: TokenExpiring = { expiresAt, expiresInMs };
    this.attempt(socket, () => socket.emit(EXPIRING_EVENT, data));
  }

  private end({ socket }: ExpiringSocket): void {
    this.reporter.count('auth.expired');
    this.attempt(socket, () =>
      socket.emit(DISCONNECT_EVENT, { reason: EXPIRED } satisfies DisconnectNotice),
    );
    this.attempt(socket, () => socket.disconnect());
  }

  /** Listeners of the app run during these calls. */
  private attempt(socket: Socket, act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.reporter.report('listener.failed', () => `socket ${socket.id}: ${reasonOf(error)}`);
    }
  }
}
