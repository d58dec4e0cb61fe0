import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { AuthenticatedIdentity, Identity } from '../options/auth-options.js';
import { shown } from '../options/checks.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { TIMED_OUT, withinTime } from '../reporting/timers.js';
import { AuthRefusal, isRefusal, randomRetryMs, type AuthRefusalCode } from './auth-refusal.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import { clientAddressOf, networkOf } from './client-address.js';
import { expiresAtOf, InvalidExpiry } from './expires-at.js';
import { RateLimiter } from './rate-limiter.js';
import { Revocations, type Moment } from './revocations.js';
import { sessionIdOf } from './session-id.js';
import { checkedMetadata, storeMetadata } from './session-metadata.js';
import { rememberToken, tokenOf } from './token.js';
import { normalisedUserId, userIdRemedy } from './user-id.js';

/**
 * Determines the owner of a connecting socket, and writes the identity to the socket.
 *
 * @internal
 */
export class Authentication {
  /** Identities that are refused, whatever `authenticate` returns. */
  readonly revocations: Revocations;
  private readonly limit: RateLimiter | undefined;
  private warnedOfTokens = false;

  constructor(
    readonly options: ResolvedAuthOptions | undefined,
    private readonly reporter: Reporter,
  ) {
    this.revocations = new Revocations(options?.revocationMs ?? 0, reporter);
    const perSecond = options?.handshakesPerSecond;
    if (perSecond !== undefined) this.limit = new RateLimiter(perSecond);
  }

  /** Resolves to the identity (null: anonymous), or to the error with which to refuse the client. Never rejects. */
  async authenticate(socket: Socket): Promise<AuthenticatedIdentity | null | AuthRefusal> {
    const outcome = this.countHandshake(socket) ?? (await this.identify(socket));
    if (isRefusal(outcome)) return outcome;
    const authenticated = socket as AuthenticatedSocket;
    authenticated.auth = outcome;
    // Without authentication the user id in `data` belongs to the app.
    if (this.options === undefined) return outcome;
    // `authenticate` may have replaced it.
    if (typeof socket.data !== 'object' || socket.data === null) socket.data = {};
    // Only this code writes the user id, never data from the client.
    if (outcome === null) delete authenticated.data.userId;
    else authenticated.data.userId = outcome.userId;
    if (outcome !== null) this.takeMetadata(socket);
    return outcome;
  }

  /** The identity of a token at this moment. Never rejects. */
  async verify(
    token: string,
    socket: Socket,
    { authenticate, timeoutMs }: ResolvedAuthOptions,
  ): Promise<AuthenticatedIdentity | AuthRefusal> {
    const since = this.revocations.now();
    try {
      const identity = await withinTime(authenticate(token, socket), timeoutMs);
      return identity === TIMED_OUT
        ? this.refuse(
            socket,
            'auth.timeout',
            `authenticate took longer than ${timeoutMs} ms`,
            randomRetryMs(),
          )
        : this.checked(identity, socket, since);
    } catch (error) {
      return this.refuse(socket, 'auth.failed', `authenticate threw: ${reasonOf(error)}`);
    }
  }

  /**
   * Counts a handshake of the client's address, for a namespace or for a new token. Returns the error for a client
   * that makes too many of them, and undefined for all others.
   */
  countHandshake(socket: Socket): AuthRefusal | undefined {
    if (this.limit === undefined) return undefined;
    const address = this.addressOf(socket);
    const retryAfterMs = this.limit.take(networkOf(address));
    if (retryAfterMs === 0) return undefined;
    this.reporter.report('auth.too-many-handshakes', () => `from ${shown(address)}`);
    return new AuthRefusal('auth.too-many-handshakes', { retryAfterMs });
  }

  /** The address of a client, as far as it is known. Never throws. */
  addressOf(socket: Socket): string {
    return clientAddressOf(socket, this.options, this.reporter) || 'an unknown address';
  }

  private async identify(socket: Socket): Promise<AuthenticatedIdentity | null | AuthRefusal> {
    const { options } = this;
    if (options === undefined) {
      this.warnOfTokens(socket);
      return null;
    }
    let token: string | undefined;
    try {
      token = tokenOf(socket, options);
    } catch (error) {
      return this.refuse(socket, 'auth.failed', `extractToken failed: ${reasonOf(error)}`);
    }
    if (token === undefined) {
      return options.required
        ? this.refuse(socket, 'auth.token-missing', 'no token was sent')
        : null;
    }
    rememberToken(socket, token);
    return this.verify(token, socket, options);
  }

  /** Clients that send tokens expect to be authenticated. Nothing is refused, so nothing is counted. */
  private warnOfTokens(socket: Socket): void {
    if (this.warnedOfTokens || tokenOf(socket, { tokenFromQuery: true }) === undefined) return;
    this.warnedOfTokens = true;
    this.reporter.logger.warn(
      'A client sent a token that is not checked: the option "auth" is not set, so every socket is anonymous. ' +
        'Write auth: { authenticate: async (token) => ({ userId }) } in the options of RedisPropagatorModule. ' +
        'If the app checks tokens itself, ignore this warning.',
    );
  }

  /** The error for an identity that was revoked since that moment, or recently; undefined for all others. */
  refusalOf(
    identity: AuthenticatedIdentity,
    since: Moment,
    socket: Socket,
  ): AuthRefusal | undefined {
    if (!this.revocations.refuses(identity, since)) return undefined;
    const words = 'the user or the session was revoked a moment ago';
    const lastsMs = this.revocations.lastsMs(identity);
    return this.refuse(socket, 'auth.revoked', words, lastsMs === 0 ? undefined : lastsMs);
  }

  private checked(
    given: unknown,
    socket: Socket,
    since: Moment,
  ): AuthenticatedIdentity | AuthRefusal {
    if (given === null || given === undefined) {
      return this.refuse(socket, 'auth.token-rejected', 'authenticate returned no identity');
    }
    const identity = given as Partial<Identity>;
    const userId = normalisedUserId(identity.userId);
    if (userId === undefined) {
      return this.refuse(
        socket,
        'auth.failed',
        `authenticate returned an identity without a usable userId. ${userIdRemedy(identity.userId)}`,
      );
    }
    const expiresAt = expiresAtOf(identity);
    if (expiresAt instanceof InvalidExpiry) {
      return this.refuse(
        socket,
        'auth.failed',
        `authenticate returned an identity whose ${expiresAt.detail}`,
      );
    }
    if (expiresAt !== undefined && expiresAt <= Date.now()) {
      return this.refuse(
        socket,
        'auth.token-expired',
        `it ended at ${new Date(expiresAt).toISOString()}`,
      );
    }
    const sessionId = sessionIdOf({ ...identity, userId }, socket);
    if (sessionId === undefined) {
      return this.refuse(
        socket,
        'auth.failed',
        'authenticate returned an identity whose sessionId (or sid) is neither a string of 1 to 256 characters nor a number up to 2^53 - 1',
      );
    }
    const whole = Object.assign(copyOf(identity), { userId, sessionId });
    if (expiresAt !== undefined) whole.expiresAt = expiresAt;
    const known = Object.freeze(withPrototypeOf(identity, whole) as AuthenticatedIdentity);
    return this.refusalOf(known, since, socket) ?? known;
  }

  /** The session metadata that the client sends. */
  private takeMetadata(socket: Socket): void {
    const given: unknown = (socket.handshake.auth as Record<string, unknown> | undefined)?.[
      'metadata'
    ];
    if (given === undefined || given === null || this.options === undefined) return;
    const metadata = checkedMetadata(given, this.options.maxMetadataBytes);
    if (typeof metadata !== 'string') storeMetadata(socket, metadata);
    else
      this.reporter.report('session.metadata-dropped', () => `metadata from a client: ${metadata}`);
  }

  private refuse(
    socket: Socket,
    code: AuthRefusalCode,
    detail: string,
    retryAfterMs?: number,
  ): AuthRefusal {
    this.reporter.report(code, () => `${detail} (the client at ${this.addressOf(socket)})`);
    return new AuthRefusal(code, retryAfterMs === undefined ? undefined : { retryAfterMs });
  }
}

/**
 * A copy of the own properties. Copies by `Object.assign` share one hidden class; V8 gives each frozen copy by `...` a
 * hidden class of its own, which takes twice the memory of the copy. `Object.assign` would take `__proto__` as the prototype.
 */
function copyOf(identity: Partial<Identity>): Partial<Identity> {
  return Object.hasOwn(identity, '__proto__') ? { ...identity } : Object.assign({}, identity);
}

/**
 * An instance of a class keeps its methods. The object that the app returned may be shared by other sockets, so it
 * is not changed.
 */
function withPrototypeOf(instance: object, copy: object): object {
  const prototype: unknown = Object.getPrototypeOf(instance);
  if (prototype === Object.prototype || prototype === null) return copy;
  // Defined, not assigned, because the class may have an accessor of the same name.
  return Object.create(prototype as object, Object.getOwnPropertyDescriptors(copy)) as object;
}

/** Decides last whether a socket may connect, after its authentication. @internal */
export interface SocketGate {
  /** Resolves to the error with which to refuse the client. Never rejects. `left` is called in any case. */
  admit(socket: Socket, identity: AuthenticatedIdentity): Promise<AuthRefusal | undefined>;
  left(socketId: string): void;
}

/** Listens to each socket while it is connected. @internal */
export interface SocketListener {
  /** Called when a socket is connected. */
  listen(socket: AuthenticatedSocket): void;
  /** Called when a socket has left, connected or not. */
  left(socketId: string): void;
}
