import { createSecretKey, type KeyObject } from 'node:crypto';
import { isBytes } from '../kinds.js';
import { misused } from './checks.js';

const MIN_LENGTH = 32;
/** Random text certainly has this many different characters, even in hexadecimal digits. */
const MIN_DIFFERENT = 4;
const REMEDY = `Write at least ${MIN_LENGTH} random characters (or bytes), such as the output of "openssl rand -hex 32", or a list of such secrets.`;

/**
 * As key objects, which logs and dumps of the options do not show. Undefined: nothing is signed.
 *
 * @internal
 */
export function resolveSecret(given: unknown): readonly KeyObject[] | undefined {
  if (given === undefined) return undefined;
  const secrets: unknown[] = Array.isArray(given) ? given : [given];
  if (secrets.length === 0) throw misused('secret', 'an empty list', REMEDY);
  const keys = secrets.map(keyOf);
  if (keys.some((key, i) => keys.slice(0, i).some((earlier) => earlier.equals(key)))) {
    throw misused('secret', 'the same secret twice', 'Write each one once.');
  }
  return Object.freeze(keys);
}

/** A placeholder, or a buffer that was never filled: long enough, but not a secret. */
function isMonotonous(given: unknown): boolean {
  if (typeof given !== 'string' && !isBytes(given)) return false;
  const parts: ArrayLike<unknown> = typeof given === 'string' ? given.trim() : given;
  return given.length >= MIN_LENGTH && new Set(Array.from(parts)).size < MIN_DIFFERENT;
}

/** The error names the type and the length of the value, and never the value. */
function keyOf(given: unknown): KeyObject {
  if (isMonotonous(given)) throw misused('secret', 'hardly any different characters', REMEDY);
  if (typeof given === 'string') {
    if (given.length >= MIN_LENGTH) return createSecretKey(given, 'utf8');
    throw misused('secret', `a text of ${given.length} characters`, REMEDY);
  }
  if (isBytes(given)) {
    if (given.length >= MIN_LENGTH) return createSecretKey(given);
    throw misused('secret', `${given.length} bytes`, REMEDY);
  }
  throw misused('secret', given === null ? 'null' : `a value of type ${typeof given}`, REMEDY);
}
