/** What a refused client finds in `error.data.code` of its `connect_error`. */
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
 * The error that Socket.IO sends to the client as `connect_error`: a code, and nothing of what went on inside. `retryAfterMs` is
 * there where the same client may be let in with the same token then.
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
 * When to try again what may be possible in a moment, in ms: not all at the same time.
 *
 * @internal
 */
export function retrySoon(): number {
  return 1_000 + Math.floor(Math.random() * 1_000);
}

/** @internal */
export function isRefusal(outcome: unknown): outcome is AuthRefusal {
  return outcome instanceof AuthRefusal;
}
