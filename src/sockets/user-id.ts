/** How an app names a user. Numbers become strings: `42` and `'42'` are one user. */
export type UserId = string | number | bigint;

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a name has half a character in it. UTF-8 has one replacement for all of those: in the name of a channel,
 * users with such ids would be one user.
 *
 * @internal
 */
export function isIllFormed(name: string): boolean {
  return LONE_SURROGATE.test(name);
}

/**
 * A user id as a string: 1234 and '1234' are one user. Undefined where the value is no id.
 *
 * @internal
 */
export function normalisedUserId(given: unknown): string | undefined {
  if (typeof given === 'string') return given === '' || isIllFormed(given) ? undefined : given;
  if (typeof given === 'bigint') return given.toString();
  return typeof given === 'number' && Number.isFinite(given) ? String(given) : undefined;
}
