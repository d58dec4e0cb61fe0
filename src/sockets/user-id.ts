/**
 * A user id as a string: 1234 and '1234' are one user. Undefined where the value is no id.
 *
 * @internal
 */
export function normalisedUserId(given: unknown): string | undefined {
  if (typeof given === 'string') return given === '' ? undefined : given;
  if (typeof given === 'bigint') return given.toString();
  return typeof given === 'number' && Number.isFinite(given) ? String(given) : undefined;
}
