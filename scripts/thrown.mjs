// @ts-check
import { types } from 'node:util';

/**
 * Whether a thrown value is an error. `instanceof Error` is false for errors of Node where this code runs in another
 * realm, as it does in Jest: each realm has an `Error` of its own.
 *
 * @param {unknown} thrown
 * @returns {thrown is Error}
 */
export function isError(thrown) {
  return types.isNativeError(thrown) || thrown instanceof Error;
}

/**
 * The message of an error, or the value itself as text.
 *
 * @param {unknown} thrown
 */
export function messageOf(thrown) {
  return isError(thrown) ? thrown.message : String(thrown);
}

/**
 * The code of an error, such as `ENOENT`; undefined if it has none.
 *
 * @param {unknown} thrown
 */
export function codeOf(thrown) {
  return isError(thrown) && 'code' in thrown ? thrown.code : undefined;
}
