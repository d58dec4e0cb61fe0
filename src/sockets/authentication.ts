import type { Socket } from 'socket.io';
import { reasonOf } from '../errors.js';
import type { AuthenticatedIdentity, Identity } from '../options/auth-options.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import type { AuthenticatedSocket } from './authenticated-socket.js';
import { rememberToken, tokenOf } from './token.js';
import { normalisedUserId } from './user-id.js';

/** What a refused client finds in `error.data.code` of its `connect_error`. */
export type AuthRefusalCode =
  'auth.token-missing' | 'auth.token-rejected' | 'auth.timeout' | 'auth.failed';

const REFUSALS: Record<AuthRefusalCode, string> = {
  'auth.token-missing': 'Authentication required',
  'auth.token-rejected': 'Authentication failed',
  'auth.timeout': 'Authentication timed out',
  'auth.failed': 'Authentication failed',
};

/** The error that Socket.IO sends to the client as `connect_error`: a code, and nothing of what went on inside. */
class ConnectionRefusal extends Error {
  readonly data: { readonly code: AuthRefusalCode };

  constructor(code: AuthRefusalCode) {
    super(REFUSALS[code]);
    this.data = { code };
  }
}

const TIMED_OUT = Symbol('timed out');

/**
 * Says who a connecting socket belongs to, and writes that on the socket.
 *
 * @internal
 */
export class Authentication {
  constructor(
    private readonly options: ResolvedAuthOptions | undefined,
    private readonly reporter: Reporter,
  ) {}

  /** Resolves to the identity (null: anonymous), or to the error to refuse the client with. Never rejects. */
  async authenticate(socket: Socket): Promise<AuthenticatedIdentity | null | ConnectionRefusal> {
    const outcome = await this.identify(socket);
    if (outcome instanceof ConnectionRefusal) return outcome;
    const authenticated = socket as AuthenticatedSocket;
    authenticated.auth = outcome;
    // A client decides what it sends, never who it is: only this code writes the user id.
    if (outcome === null) delete authenticated.data.userId;
    else authenticated.data.userId = outcome.userId;
    return outcome;
  }

  private async identify(
    socket: Socket,
  ): Promise<AuthenticatedIdentity | null | ConnectionRefusal> {
    const { options } = this;
    if (options === undefined) return null;
    let identity: unknown;
    try {
      const token = tokenOf(socket, options);
      if (token === undefined) {
        return options.required ? this.refuse('auth.token-missing', 'no token was sent') : null;
      }
      rememberToken(socket, token);
      identity = await withinTime(options.authenticate(token, socket), options.timeoutMs);
    } catch (error) {
      return this.refuse('auth.failed', `authenticate threw: ${reasonOf(error)}`);
    }
    if (identity === TIMED_OUT) {
      return this.refuse('auth.timeout', `authenticate took longer than ${options.timeoutMs} ms`);
    }
    if (identity === null || identity === undefined) {
      return this.refuse('auth.token-rejected', 'authenticate returned no identity');
    }
    const userId = normalisedUserId((identity as Partial<Identity>).userId);
    if (userId === undefined) {
      return this.refuse(
        'auth.failed',
        'authenticate returned an identity without userId (a non-empty string or a number)',
      );
    }
    return Object.freeze({ ...(identity as Identity), userId });
  }

  private refuse(code: AuthRefusalCode, detail: string): ConnectionRefusal {
    this.reporter.report(code, () => detail);
    return new ConnectionRefusal(code);
  }
}

async function withinTime(work: unknown, ms: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise((resolve) => {
    timer = setTimeout(resolve, ms, TIMED_OUT);
    // An app that has closed its sockets waits for nobody.
    timer.unref();
  });
  try {
    return await Promise.race([work, bound]);
  } finally {
    clearTimeout(timer);
  }
}

/** @internal */
export function isRefusal(outcome: unknown): outcome is Error {
  return outcome instanceof ConnectionRefusal;
}
