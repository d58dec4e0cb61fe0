import type { AuthOptions } from './auth-options.js';
import { checkKnown, flag, invalid, wholeNumber } from './checks.js';

export type ResolvedAuthOptions = Readonly<
  Required<Omit<AuthOptions, 'extractToken'>> & Pick<AuthOptions, 'extractToken'>
>;

const KNOWN = ['authenticate', 'required', 'timeoutMs', 'tokenFromQuery', 'extractToken'] as const;

/** @internal */
export function resolveAuth(given: unknown): ResolvedAuthOptions | undefined {
  if (given === undefined) return undefined;
  if (typeof given !== 'object' || given === null) {
    throw invalid('auth', given, 'Write { authenticate: async (token) => ({ userId }) }.');
  }
  checkKnown('auth', given, KNOWN);
  const auth = given as Partial<AuthOptions>;
  if (typeof auth.authenticate !== 'function') {
    throw invalid(
      'auth.authenticate',
      auth.authenticate,
      'Write a function (token, socket) => ({ userId }), or null for a bad token.',
    );
  }
  if (auth.extractToken !== undefined && typeof auth.extractToken !== 'function') {
    throw invalid(
      'auth.extractToken',
      auth.extractToken,
      'Write a function (socket) => string, or undefined where there is no token.',
    );
  }
  return Object.freeze({
    authenticate: auth.authenticate,
    required: flag('auth.required', auth.required, false),
    timeoutMs: wholeNumber('auth.timeoutMs', auth.timeoutMs, 5_000, [1, 600_000]),
    tokenFromQuery: flag('auth.tokenFromQuery', auth.tokenFromQuery, false),
    ...(auth.extractToken && { extractToken: auth.extractToken }),
  });
}
