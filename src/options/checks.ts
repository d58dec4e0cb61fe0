import { PropagatorError } from '../errors.js';
import { fit, literalOf } from '../text.js';
import { likeliest } from './did-you-mean.js';

const MAX_SHOWN_CHARACTERS = 120;

/** The given value as it may appear in an error message: short, and without credentials. Never throws. @internal */
export function shown(value: unknown): string {
  return literalOf(value, MAX_SHOWN_CHARACTERS);
}

/** @internal */
export function invalid(option: string, given: unknown, remedy: string): PropagatorError {
  return misused(option, shown(given), remedy);
}

/** As {@link invalid}, where words tell more than the value. @internal */
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

/** What {@link optionsIn} says of an option that can be switched off. @internal */
export const OR_NONE = ', or false for none';

/** Whether a value can be a list of options: no array, no `Map`, no text. @internal */
export function isOptions(given: unknown): given is object {
  return Object.prototype.toString.call(given) === '[object Object]';
}

/** An option that is itself a list of options, or nothing. `instead` follows their names where it is something else. @internal */
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

/** A whole number within bounds, or the default where none was given. @internal */
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
