import { isDate } from '../kinds.js';
import type { Identity } from '../options/auth-options.js';

/** The end of the year 9999. What is later is an `exp` in milliseconds, or a way to say "never". */
const LATEST_MS = 253_402_300_799_999;

/** What an identity says of its end, where that is no time. @internal */
export class NoTime {
  constructor(
    /** For the log; it holds nothing of the identity but the name of the claim. */
    readonly detail: string,
  ) {}
}

/**
 * When an identity ends, in ms since 1970: what `expiresAt` says, else the claim `exp` (RFC 7519, section 4.1.4).
 * Undefined: it does not.
 *
 * @internal
 */
export function expiresAtOf({ expiresAt, exp }: Partial<Identity>): number | NoTime | undefined {
  if (expiresAt !== undefined) {
    const ms: unknown = isDate(expiresAt) ? expiresAt.getTime() : expiresAt;
    return isTime(ms)
      ? Math.ceil(ms)
      : new NoTime(
          'expiresAt is no time: write a Date, or ms since 1970; leave it out for "never"',
        );
  }
  if (exp === undefined) return undefined;
  const ms = typeof exp === 'number' ? exp * 1_000 : undefined;
  return isTime(ms)
    ? Math.ceil(ms)
    : new NoTime('exp is no time: write seconds since 1970; leave it out for "never"');
}

function isTime(ms: unknown): ms is number {
  return typeof ms === 'number' && Math.abs(ms) <= LATEST_MS;
}
