import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { DISCONNECT_EVENT } from './authenticated-socket.js';
import { ExpirySchedule, type Scheduled } from './expiry-schedule.js';

/** Tells a client that its identity is about to end, with a {@link TokenExpiring}. */
export const EXPIRING_EVENT = 'auth:expiring';

/** What comes with `auth:expiring`. */
export interface TokenExpiring {
  /** In ms since 1970, by the clock of the server. */
  readonly expiresAt: number;
  /** The same for clients whose clock is wrong. */
  readonly expiresInMs: number;
}

/** The reason in `propagator:disconnect` when the identity of a socket has ended. */
const EXPIRED = 'auth.expired';

/** A socket whose identity ends, from when it is connected until it has gone. */
interface Life extends Scheduled {
  readonly socket: Socket;
  expiresAt: number;
  /** Whether the client was told that this end is near. */
  warned: boolean;
}

/**
 * Warns sockets whose identity is about to end, and disconnects them when it has. What `authenticate` said counts, not what
 * the app makes of `socket.auth` later.
 *
 * @internal
 */
export class TokenExpiry {
  /** Of sockets that are still to be connected. */
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

  /** Called once it is known whom a socket belongs to. */
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
    // One that is over by now has its turn like any other: the app has yet to hear of it.
    if (expiresAt - this.warningMs <= now && now < expiresAt) this.warn(life);
    else this.plan(life, expiresAt - this.warningMs);
  }

  /** Called when a connected socket has a new identity. */
  renewed(socket: Socket, expiresAt: number | undefined): void {
    this.left(socket.id);
    if (expiresAt === undefined) return;
    const life = this.follow(socket, expiresAt);
    // At half-time at the earliest: tokens that live shorter than the warning would be refreshed without a pause.
    const now = Date.now();
    this.plan(life, Math.max(expiresAt - this.warningMs, now + (expiresAt - now) / 2));
  }

  /** Whether a socket's identity has ended, be it disconnected for that already or not. */
  isOver(socket: Socket): boolean {
    const life = this.lives.get(socket.id);
    return life !== undefined && life.expiresAt <= Date.now();
  }

  /** Called when a socket has left, whatever it was. */
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
    // The schedule rounds up to whole seconds. A warning may rather come early than after the end.
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
    const told: TokenExpiring = { expiresAt, expiresInMs };
    this.attempt(socket, () => socket.emit(EXPIRING_EVENT, told));
  }

  private end({ socket }: Life): void {
    this.reporter.count('auth.expired');
    this.attempt(socket, () => socket.emit(DISCONNECT_EVENT, { reason: EXPIRED }));
    this.attempt(socket, () => socket.disconnect());
  }

  /** Listeners of the app run in these calls. */
  private attempt(socket: Socket, act: () => unknown): void {
    try {
      act();
    } catch (error) {
      this.reporter.report('listener.failed', () => `socket ${socket.id}: ${reasonOf(error)}`);
    }
  }
}
