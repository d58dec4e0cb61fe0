import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { listed, readable } from '../reporting/unawaited.js';

/**
 * A user id as given by an app. Numbers become strings: `42` and `'42'` are one user. Numbers above 2^53 - 1 are
 * refused, because they are not exact: pass a string or a bigint.
 */
export type UserId = string | number | bigint;

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Tells whether a name contains half of a surrogate pair. UTF-8 has one replacement for all of those: in the name of a
 * channel, users with such ids would be one user.
 *
 * @internal
 */
export function isIllFormed(name: string): boolean {
  return LONE_SURROGATE.test(name);
}

/**
 * Tells whether a value is a number that JavaScript cannot tell from its neighbours: as user ids, 90071992547409931 and
 * 90071992547409932 would be one user.
 *
 * @internal
 */
export function isInexact(given: unknown): boolean {
  return (
    typeof given === 'number' && Number.isFinite(given) && Math.abs(given) > Number.MAX_SAFE_INTEGER
  );
}

/** A sentence that says what to pass instead of an invalid user id. @internal */
export function userIdRemedy(given: unknown): string {
  return isInexact(given)
    ? 'Numbers above 2^53 - 1 are not exact, and two users would become one. Pass a string or a bigint.'
    : 'Pass a non-empty string, a number or a bigint.';
}

/** Longer than any name may be (`limits.nameBytes`): writing the digits of a huge bigint takes seconds. */
const MAX_BITS = 262_144;

/** The decimal digits; undefined for a number that is too long for any name. @internal */
export function digitsOf(given: bigint): string | undefined {
  return BigInt.asIntN(MAX_BITS, given) === given ? given.toString() : undefined;
}

/**
 * A user id as a string: 1234 and '1234' are one user. Undefined if the value is not a valid id.
 *
 * @internal
 */
export function normalisedUserId(given: unknown): string | undefined {
  if (typeof given === 'string') return given === '' || isIllFormed(given) ? undefined : given;
  if (typeof given === 'bigint') return digitsOf(given);
  return typeof given === 'number' && Number.isFinite(given) && !isInexact(given)
    ? String(given)
    : undefined;
}

/** The highest possible `limits.nameBytes`. No user has a longer id, and it would be sent to Redis. */
const MAX_USER_ID_CHARACTERS = 65_536;

/** @throws PropagatorError `target.invalid`, `name.too-long` @internal */
export function checkedUserId(given: unknown): string {
  const userId = normalisedUserId(given);
  if (userId === undefined) {
    throw PropagatorError.of('target.invalid', ['userId', shown(given), userIdRemedy(given)]);
  }
  if (userId.length <= MAX_USER_ID_CHARACTERS) return userId;
  throw PropagatorError.of('name.too-long', ['userId', shown(userId), MAX_USER_ID_CHARACTERS]);
}

/** Each user once. @throws PropagatorError `target.invalid` @internal */
export function checkedUserIds(given: unknown): string[] {
  if (readable(() => isIterable(given))) {
    return [...new Set(listed('userIds', given as Iterable<unknown>, checkedUserId))];
  }
  throw PropagatorError.of('target.invalid', [
    'userIds',
    shown(given),
    'Pass an array or a Set of user ids.',
  ]);
}

function isIterable(given: unknown): given is Iterable<unknown> {
  if (typeof given !== 'object' || given === null) return false;
  return typeof (given as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function';
}
