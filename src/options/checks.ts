import { PropagatorError } from '../errors.js';

const SECRET_NAMES = /pass|secret|token|key$/i;

/** The given value as it may appear in an error message: short, and without credentials. @internal */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(withoutPassword(value));
  if (typeof value === 'function') return `a function (${value.name || 'anonymous'})`;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    const text = JSON.stringify(value, (name, part: unknown) => {
      if (SECRET_NAMES.test(name)) return '***';
      return typeof part === 'string' ? withoutPassword(part) : part;
    });
    return text.length > 120 ? `${text.slice(0, 117)}...` : text;
  } catch {
    return Object.prototype.toString.call(value);
  }
}

function withoutPassword(text: string): string {
  return text.replace(/^([a-z]+:\/\/[^:/@]*):.*@/i, '$1:***@');
}

/** @internal */
export function invalid(option: string, given: unknown, remedy: string): PropagatorError {
  return PropagatorError.of('option.invalid', [option, shown(given), remedy]);
}

/** @internal */
export function checkKnown(option: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    const path = option === '' ? name : `${option}.${name}`;
    throw PropagatorError.of('option.unknown', [path, known.join(', ')]);
  }
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
