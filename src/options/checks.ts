import { PropagatorError } from '../errors.js';

const SECRET_NAMES = /pass|pwd|secret|token|auth|credential|key$/i;
/** `user:password@`, with or without a scheme in front; the password may contain anything. */
const CREDENTIALS = /((?:[\w+.-]+:)?\/\/[^\s:/@]*|(?<!\S)[^\s:/@]*):.*@/gs;
const SECRET_PARAMETERS = /([?&][^=&\s]*(?:pass|pwd|secret|token|auth|key)[^=&\s]*=)[^&\s]*/gi;
const MOST_CHARACTERS = 120;

/** The given value as it may appear in an error message: short, and without credentials. @internal */
export function shown(value: unknown): string {
  if (typeof value === 'string') return short(JSON.stringify(withoutSecrets(value)));
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    const text = JSON.stringify(value, (name, part: unknown) => {
      if (SECRET_NAMES.test(name)) return '***';
      return typeof part === 'string' ? withoutSecrets(part) : part;
    });
    return short(text);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** Rather too much than too little. */
function withoutSecrets(text: string): string {
  return text.replace(CREDENTIALS, '$1:***@').replace(SECRET_PARAMETERS, '$1***');
}

function short(text: string): string {
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 3)}...` : text;
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
    const path = option === '' ? name : `${option}.${name}`;
    throw PropagatorError.of('option.unknown', [path, known.join(', ')]);
  }
}

/** What {@link optionsIn} says of an option that can be switched off. @internal */
export const OR_NONE = ', or false for none';

/** An option that is itself a list of options, or nothing. `instead` follows their names where it is something else. @internal */
export function optionsIn<T extends object>(
  option: string,
  given: unknown,
  known: readonly (keyof T & string)[],
  instead = '',
): Partial<T> {
  if (given !== undefined && (typeof given !== 'object' || given === null)) {
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
