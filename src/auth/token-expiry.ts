import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { DISCONNECT_EVENT } from './authenticated-socket.js';
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
const EXPIRED = 'auth.expired';

/** A socket whose identity expires, from its connection until it has left. */
interface Life extends Scheduled {
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
  /** Sockets that are still connecting. */
  private readonly ends = new WeakMap<Socket, number>();
  private readonly lives = new Map<string, Life>();
  private readonly schedule: ExpirySchedule<Life>;
  private readonly warningMs: number;

  constructor(
    options: Pick<ResolvedAuthOptions, 'expiryWarningMs'> | undefined,
    private readonly reporter: Reporter,
  ) {
    this.schedule = new ExpirySchedule<Life>((life) => this.due(life), reporter);
    this.warningMs = options?.expiryWarningMs ?? 0;
  }

  /** Called when the owner of a socket is known. */
  admitted(socket: Socket, expiresAt: number | undefined): void {
    if (expiresAt !== undefined) this.ends.set(socket, expiresAt);
  }

  /** Called when a socket is connected. */
  connected(socket: Socket): void {
    const expiresAt = this.ends.get(socket);
    if (expiresAt === undefined) return;
    this.ends.delete(socket);
    const life = this.follow(socket, expiresAt);
    const now = Date.now();
    // An identity that has expired by now takes its turn like any other: the gateway has not seen the socket yet.
    if (expiresAt - this.warningMs <= now && now < expiresAt) this.warn(life);
    else this.plan(life, expiresAt - this.warningMs);
  }

  /** Called when a connected socket has a new identity. */
  renewed(socket: Socket, expiresAt: number | undefined): void {
    this.left(socket.id);
    if (expiresAt === undefined) return;
    const life = this.follow(socket, expiresAt);
    // At half of the lifetime at the earliest: tokens that live for less than the warning time would be refreshed
    // without a pause.
    const now = Date.now();
    this.plan(life, Math.max(expiresAt - this.warningMs, now + (expiresAt - now) / 2));
  }

  /** Tells whether a socket's identity has expired, even if the socket has not been disconnected yet. */
  isOver(socket: Socket): boolean {
    const life = this.lives.get(socket.id);
    return life !== undefined && life.expiresAt <= Date.now();
  }

  /** Called when a socket has left, in whatever state it was. */
  left(id: string): void {
    const life = this.lives.get(id);
    if (life === undefined) return;
    this.lives.delete(id);
    this.schedule.delete(life);
  }

  close(): void {
    this.schedule.close();
    this.lives.clear();
  }

  private follow(socket: Socket, expiresAt: number): Life {
    const life: Life = { socket, expiresAt, warned: this.warningMs === 0, second: undefined };
    this.lives.set(socket.id, life);
    return life;
  }

  private plan(life: Life, warnAt: number): void {
    // The schedule rounds up to whole seconds. A warning should come early rather than after the expiry.
    this.schedule.set(life, life.warned ? life.expiresAt : warnAt - 999);
  }

  private due(life: Life): void {
    if (Date.now() < life.expiresAt) this.warn(life);
    else this.end(life);
  }

  private warn(life: Life): void {
    const { socket, expiresAt, warned } = life;
    this.schedule.set(life, expiresAt);
    if (warned) return;
    life.warned = true;
    const expiresInMs = Math.max(0, expiresAt - Date.now());
    const data: TokenExpiring = { expiresAt, expiresInMs };
    this.attempt(socket, () => socket.emit(EXPIRING_EVENT, data));
  }

  private end({ socket }: Life): void {
    this.reporter.count('auth.expired');
    this.attempt(socket, () => socket.emit(DISCONNECT_EVENT, { reason: EXPIRED }));
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
