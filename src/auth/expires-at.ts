import { isDate } from '../kinds.js';
import type { Identity } from '../options/auth-options.js';

/** The end of the year 9999. A later value is an `exp` in milliseconds, or a way to say "never". */
const LATEST_MS = 253_402_300_799_999;

/** The expiry in an identity, if it is not a valid time. @internal */
export class InvalidExpiry {
  constructor(
    /** The reason for the log. It contains nothing of the identity except the name of the claim. */
    readonly detail: string,
  ) {}
}

/**
 * When an identity expires, in ms since 1970: `expiresAt`, or else the claim `exp` (RFC 7519, section 4.1.4).
 * Undefined: never.
 *
 * @internal
 */
export function expiresAtOf({
  expiresAt,
  exp,
}: Partial<Identity>): number | InvalidExpiry | undefined {
  if (expiresAt !== undefined) {
    const ms: unknown = isDate(expiresAt) ? expiresAt.getTime() : expiresAt;
    return isTime(ms)
      ? Math.ceil(ms)
      : new InvalidExpiry(
          'expiresAt is not a time: write a Date, or ms since 1970; leave it out for "never"',
        );
  }
  if (exp === undefined) return undefined;
  const ms = typeof exp === 'number' ? exp * 1_000 : undefined;
  return isTime(ms)
    ? Math.ceil(ms)
    : new InvalidExpiry('exp is not a time: write seconds since 1970; leave it out for "never"');
}

function isTime(ms: unknown): ms is number {
  return typeof ms === 'number' && Math.abs(ms) <= LATEST_MS;
}
