import { invalid, optionsIn } from './checks.js';
import type { SharedHandshake } from './security-options.js';

/** @internal */
export type ResolvedSharedHandshake = Readonly<Required<SharedHandshake>>;

const KNOWN = ['auth', 'query', 'headers'] as const;
const MAX_NAMES = 100;
/** Without blanks at the ends: no such name exists. */
const NAME = /^\S(?:.*\S)?$/s;
/** The characters that HTTP allows. */
const HEADER = /^[!#$%&'*+.^_`|~\w-]+$/;
const CREDENTIALS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
]);

/** @internal */
export function resolveSharedHandshake(given: unknown): ResolvedSharedHandshake {
  const options = optionsIn<SharedHandshake>('sharedHandshake', given, KNOWN);
  const headers = names('headers', options.headers, HEADER).map((name) => name.toLowerCase());
  const credentials = headers.find((name) => CREDENTIALS.has(name));
  if (credentials !== undefined) {
    throw invalid(
      'sharedHandshake.headers',
      credentials,
      'This header has credentials, which stay on the instance that checked them: leave it out.',
    );
  }
  return Object.freeze({
    auth: names('auth', options.auth),
    query: names('query', options.query),
    headers: Object.freeze(headers),
  });
}

function names(option: keyof SharedHandshake, given: unknown, pattern = NAME): readonly string[] {
  if (given === undefined) return Object.freeze([]);
  if (
    Array.isArray(given) &&
    given.length <= MAX_NAMES &&
    given.every((name) => isName(name, pattern))
  ) {
    checkTwins(option, given);
    return Object.freeze([...given]);
  }
  throw invalid(
    `sharedHandshake.${option}`,
    given,
    `Write a list of at most ${MAX_NAMES} names, such as ['device'].`,
  );
}

function isName(name: unknown, pattern: RegExp): name is string {
  return typeof name === 'string' && pattern.test(name);
}

function checkTwins(option: keyof SharedHandshake, given: readonly string[]): void {
  const keys = given.map((name) => (option === 'headers' ? name.toLowerCase() : name));
  const twin = given.find((_, index) => keys.indexOf(keys[index] ?? '') < index);
  if (twin === undefined) return;
  throw invalid(`sharedHandshake.${option}`, twin, 'It is there twice: write each name once.');
}
