/**
 * Half a character (a lone surrogate). UTF-8 has one replacement for all of them: in the name of a channel, users
 * with such ids would be one user.
 */
const ILL_FORMED = /\p{Surrogate}/u;

/**
 * A user id as a string: 1234 and '1234' are one user. Undefined where the value is no id.
 *
 * @internal
 */
export function normalisedUserId(given: unknown): string | undefined {
  if (typeof given === 'string') return given === '' || ILL_FORMED.test(given) ? undefined : given;
  if (typeof given === 'bigint') return given.toString();
  return typeof given === 'number' && Number.isFinite(given) ? String(given) : undefined;
}
