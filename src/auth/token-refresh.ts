import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { isRefusal, type AuthRefusalCode } from './auth-refusal.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import type { Authentication } from './authentication.js';
import { rememberToken, tokenIn } from './token.js';
import type { Refusals } from './refusals.js';
import type { TokenExpiry } from './token-expiry.js';
import { guarded } from '../reporting/timers.js';

/** The event with which a client sends a new token: `socket.emit('auth:refresh', token, ack)`. */
export const REFRESH_EVENT = 'auth:refresh';

/** Why a new token was refused: the codes for connecting clients, and those that only a connected client can get. */
export type AuthRefreshCode =
  | AuthRefusalCode
  | 'auth.user-mismatch'
  | 'auth.session-mismatch'
  | 'auth.refresh-busy'
  | 'auth.not-authenticated';

/** The acknowledgement of `auth:refresh`. `expiresAt` is in ms since 1970; `null`: never. */
export type AuthRefreshResult =
  | { readonly ok: true; readonly expiresAt: number | null }
  | {
      readonly ok: false;
      readonly code: AuthRefreshCode;
      /** When to retry, if that may help: see {@link AuthRefusalCode}. */
      readonly retryAfterMs?: number;
    };

/**
 * Accepts a new token from a connected client, so that it need not reconnect when the old one expires. The user
 * stays the same: another user needs a new connection.
 *
 * @internal
 */
export class TokenRefresh {
  private readonly busy = new WeakSet<AuthenticatedSocket>();
  /** One listener for all sockets. */
  private readonly listener: (this: AuthenticatedSocket, ...args: unknown[]) => void;

  constructor(
    private readonly authentication: Authentication,
    private readonly expiry: TokenExpiry,
    private readonly refusals: Refusals,
    private readonly reporter: Reporter,
  ) {
    const answer = guarded(
      reporter.failure('listener.failed', () => REFRESH_EVENT),
      (socket: AuthenticatedSocket, args: unknown[]) => this.answer(socket, args),
    );
    this.listener = function (this: AuthenticatedSocket, ...args: unknown[]): void {
      answer(this, args);
    };
  }

  /** Called when a socket is connected. */
  listen(socket: AuthenticatedSocket): void {
    if (this.authentication.options !== undefined) socket.on(REFRESH_EVENT, this.listener);
  }

  private async answer(socket: AuthenticatedSocket, args: unknown[]): Promise<void> {
    const result = await this.refresh(socket, args[0]);
    const ack = args.at(-1);
    if (result === undefined) return;
    if (!result.ok) this.refusals.add(socket.conn, result.code);
    if (typeof ack === 'function') ack(result);
  }

  /** Resolves to the acknowledgement; undefined if the client has left. Never rejects. */
  private async refresh(
    socket: AuthenticatedSocket,
    given: unknown,
  ): Promise<AuthRefreshResult | undefined> {
    const { options } = this.authentication;
    const token = tokenIn(typeof given === 'string' ? { token: given } : given);
    const obstacle = this.obstacle(socket);
    if (obstacle !== undefined || options === undefined) {
      return this.refused(socket, obstacle ?? 'auth.not-authenticated');
    }
    if (this.busy.has(socket)) return this.refused(socket, 'auth.refresh-busy');
    if (token === undefined) return this.refused(socket, 'auth.token-missing');
    const refusal = this.authentication.countHandshake(socket);
    if (refusal !== undefined) return { ok: false, ...refusal.data };
    this.busy.add(socket);
    const identity = await this.authentication.verify(token, socket, options);
    this.busy.delete(socket);
    if (!socket.connected) return undefined;
    // The authentication has counted this refusal already.
    if (isRefusal(identity)) return { ok: false, ...identity.data };
    // The state may have changed meanwhile.
    const code = this.obstacle(socket) ?? mismatch(socket, identity);
    if (code !== undefined) return this.refused(socket, code);
    socket.auth = identity;
    rememberToken(socket, token);
    this.expiry.renewed(socket, identity.expiresAt);
    return { ok: true, expiresAt: identity.expiresAt ?? null };
  }

  /** Why a socket cannot have a new token, whatever the token is. */
  private obstacle(socket: AuthenticatedSocket): AuthRefreshCode | undefined {
    if (this.expiry.hasExpired(socket)) return 'auth.token-expired';
    // An app may also set it to undefined.
    return socket.auth ? undefined : 'auth.not-authenticated';
  }

  private refused(socket: AuthenticatedSocket, code: AuthRefreshCode): AuthRefreshResult {
    this.reporter.report(
      code,
      () => `a token was not refreshed (the client at ${this.authentication.addressOf(socket)})`,
    );
    return { ok: false, code };
  }
}

function mismatch(
  { auth }: AuthenticatedSocket,
  { userId, sessionId }: AuthenticatedIdentity,
): AuthRefreshCode | undefined {
  if (auth?.userId !== userId) return 'auth.user-mismatch';
  return auth.sessionId === sessionId ? undefined : 'auth.session-mismatch';
}
