import { PropagatorError } from '../errors.js';
import { fit, literalOf } from '../text.js';

const MAX_SHOWN_CHARACTERS = 120;

/** The given value for an error message: short, and without credentials. Never throws. @internal */
export function shown(value: unknown): string {
  return literalOf(value, MAX_SHOWN_CHARACTERS);
}

/** @internal */
export function invalid(option: string, given: unknown, remedy: string): PropagatorError {
  return misused(option, shown(given), remedy);
}

/** Like {@link invalid}, for cases in which a description is clearer than the value. @internal */
export function misused(option: string, words: string, remedy: string): PropagatorError {
  return PropagatorError.of('option.invalid', [option, words, remedy]);
}

/** @internal */
export function checkKnown(option: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const path = fit(option === '' ? name : `${option}.${name}`, MAX_SHOWN_CHARACTERS);
    throw PropagatorError.of('option.unknown', [path, known.join(', '), likeliest(name, known)]);
  }
}

/** The description that {@link optionsIn} uses for an option that can be switched off. @internal */
export const OR_NONE = ', or false for none';

/** Whether a value can be an object of options: not an array, a `Map` or a text. @internal */
export function isOptions(given: unknown): given is object {
  return Object.prototype.toString.call(given) === '[object Object]';
}

/**
 * Reads an option that is itself an object of options, or undefined. For any other value, `instead` follows the
 * expected names in the error. @internal
 */
export function optionsIn<T extends object>(
  option: string,
  given: unknown,
  known: readonly (keyof T & string)[],
  instead = '',
): Partial<T> {
  if (given !== undefined && !isOptions(given)) {
    throw invalid(option, given, `Write { ${known.join(', ')} }${instead}.`);
  }
  const options = (given ?? {}) as Partial<T>;
  checkKnown(option, options, known);
  return options;
}

/** A whole number within its range, or the default if none was given. @internal */
export function wholeNumber(
  option: string,
  given: unknown,
  fallback: number,
  [min, max]: readonly [number, number],
): number {
  if (given === undefined) return fallback;
  if (Number.isInteger(given) && (given as number) >= min && (given as number) <= max) {
    return given as number;
  }
  throw invalid(option, given, `Write a whole number from ${min} to ${max}, such as ${fallback}.`);
}

/** @internal */
export function flag(option: string, given: unknown, fallback: boolean): boolean {
  if (given === undefined) return fallback;
  if (typeof given === 'boolean') return given;
  throw invalid(option, given, 'Write true or false.');
}

/** @internal */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const methods = value as Record<string, unknown>;
  return names.every((name) => typeof methods[name] === 'function');
}

/** Names that other libraries use for the same thing, and the names used here. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  // node-redis, BullMQ, Bull, and earlier ioredis.
  socket: ['host'],
  url: ['redis', 'host'],
  uri: ['redis', 'host'],
  connection: ['redis'],
  database: ['db'],
  user: ['username'],
  ssl: ['tls'],
  servers: ['nodes'],
  rootNodes: ['nodes'],
  clusterOptions: ['options'],
  masterName: ['name'],
  cluster: ['nodes'],
  redisOptions: ['options'],
  // Socket.IO's adapters.
  key: ['prefix'],
  keyPrefix: ['prefix'],
  requestsTimeout: ['requestTimeoutMs'],
  adapter: ['redis'],
  useFactory: ['forRootAsync({ useFactory })'],
  useClass: ['forRootAsync({ useClass })'],
  useExisting: ['forRootAsync({ useExisting })'],
};

const MIN_CHARACTERS = 3;

/** The known name that is most similar to an unknown one; undefined if none is. @internal */
export function likeliest(unknown: string, known: readonly string[]): string | undefined {
  // Never called for long texts: the distance takes time and memory for each pair of characters.
  if (unknown.length > 64) return undefined;
  const called = Object.hasOwn(OTHER_NAMES, unknown) ? OTHER_NAMES[unknown] : undefined;
  const translated = called?.find((name) => known.includes(name) || name.includes('('));
  if (translated !== undefined) return translated;
  const given = unknown.toLowerCase();
  const ranked = known
    .map((name) => ({ name, distance: distanceOf(given, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [first] = ranked;
  if (first === undefined) return undefined;
  if (first.distance <= Math.max(1, Math.floor(given.length / 3))) return first.name;
  if (given.length < MIN_CHARACTERS) return undefined;
  return known.find((name) => {
    const lower = name.toLowerCase();
    return lower.length >= MIN_CHARACTERS && (lower.startsWith(given) || given.startsWith(lower));
  });
}

/** How many characters have to be inserted, deleted, replaced or swapped (Damerau and Levenshtein). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(before, j - 2) + 1);
      }
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? Infinity;
}
