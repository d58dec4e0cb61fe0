/** The codes in `error.data.code` of a refused client's `connect_error`. */
export type AuthRefusalCode =
  | 'auth.token-missing'
  | 'auth.token-rejected'
  | 'auth.token-expired'
  | 'auth.revoked'
  | 'auth.too-many-handshakes'
  | 'auth.too-many-sockets'
  | 'auth.timeout'
  | 'auth.failed';

const MESSAGES: Record<AuthRefusalCode, string> = {
  'auth.token-missing': 'Authentication required',
  'auth.token-rejected': 'Authentication failed',
  'auth.token-expired': 'Token expired',
  'auth.revoked': 'Session revoked',
  'auth.too-many-handshakes': 'Too many connections',
  'auth.too-many-sockets': 'Too many connections',
  'auth.timeout': 'Authentication timed out',
  'auth.failed': 'Authentication failed',
};

/**
 * The error that Socket.IO sends to the client as `connect_error`: a code, without internals. `retryAfterMs` is set
 * if the same client may succeed with the same token after that time.
 *
 * @internal
 */
export class AuthRefusal extends Error {
  readonly data: { readonly code: AuthRefusalCode; readonly retryAfterMs?: number };

  constructor(code: AuthRefusalCode, more?: { readonly retryAfterMs: number }) {
    super(MESSAGES[code]);
    this.data = { code, ...more };
  }
}

/**
 * A delay before a client retries after a temporary failure, in ms: random, so that clients do not retry all at once.
 *
 * @internal
 */
export function randomRetryMs(): number {
  return 1_000 + Math.floor(Math.random() * 1_000);
}

/** @internal */
export function isRefusal(outcome: unknown): outcome is AuthRefusal {
  return outcome instanceof AuthRefusal;
}
