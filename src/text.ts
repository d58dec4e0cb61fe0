import { isError } from './kinds.js';

/**
 * Converts unchecked values to text: names from clients, errors thrown by an app, replies of Redis. No function
 * here throws, for any value, or takes more time than a text of limited length needs.
 */

/** Longer text is first cut to this many characters. */
export const MAX_TEXT_CHARACTERS = 1_024;
const MAX_DEPTH = 4;
const UNREADABLE = 'a value that cannot be shown';

/** Names of properties and URL parameters whose values are secrets. */
const SECRET_NAMES = /pass|pwd|secret|token|auth|credential|key$/i;
/**
 * Control characters (C0, C1, DEL), line separators, bidirectional and other invisible format characters, lone
 * surrogates.
 */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const SHORT_ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * Makes text fit for one line of a log: short, without credentials, and without characters that move the cursor.
 * @internal
 */
export function fit(text: string, max = MAX_TEXT_CHARACTERS): string {
  const line = shortened(escaped(withoutCredentials(text)), max);
  return text.length > MAX_TEXT_CHARACTERS && !line.endsWith('...') ? `${line}...` : line;
}

/** Any value as text that is {@link fit} for one line of a log. Never throws. @internal */
export function textOf(value: unknown, max = MAX_TEXT_CHARACTERS): string {
  return typeof value === 'string' ? fit(value, max) : literalOf(value, max);
}

/**
 * Returns a text unchanged, at no cost, and converts any other value by {@link textOf}. For names of events. Never
 * throws. @internal
 */
export function nameOf(value: unknown): string {
  return typeof value === 'string' ? value : textOf(value);
}

/** Any value as a literal: text in quotation marks, objects as JSON without secrets. Never throws. @internal */
export function literalOf(value: unknown, max = MAX_TEXT_CHARACTERS): string {
  return shortened(escaped(described(value)), max);
}

/** The message of any thrown value. Never throws. @internal */
export function reasonOf(thrown: unknown): string {
  let words: unknown;
  try {
    words = wordsOf(thrown);
  } catch {
    // A getter or a proxy that throws: described like any other value.
  }
  return textOf(words ?? thrown);
}

function wordsOf(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { message } = thrown as { readonly message?: unknown };
  // Node's AggregateError of a connection attempt (one error per address) has a code and no message.
  const candidates = isError(thrown)
    ? [message, (thrown as NodeJS.ErrnoException).code, thrown.name]
    : [message];
  return candidates.find((words): words is string => typeof words === 'string' && words !== '');
}

function shortened(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max - 3)}...` : text;
}

function escaped(text: string): string {
  return text.replace(UNFIT, (character) => {
    const code = character.codePointAt(0) as number;
    const hex = code.toString(16);
    return (
      SHORT_ESCAPES[character] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, '0')}`)
    );
  });
}

/** A proxy or a getter may throw at any step. Then the known part is lost, which does no harm. */
function described(value: unknown): string {
  try {
    const writer = new Writer();
    writer.write(value, 0);
    return writer.text;
  } catch {
    return UNREADABLE;
  }
}

/** Writes a value as JSON until there is enough text. */
class Writer {
  text = '';

  write(value: unknown, depth: number): void {
    switch (typeof value) {
      case 'string':
        this.text += JSON.stringify(withoutCredentials(value, true));
        return;
      case 'bigint':
        // Writing the digits of a huge bigint takes seconds.
        this.text += BigInt.asIntN(1_024, value) === value ? `${value}n` : 'a huge bigint';
        return;
      case 'symbol':
        this.text += `Symbol(${withoutCredentials(value.description ?? '')})`;
        return;
      case 'function':
        this.text += `a function (${typeof value.name === 'string' && value.name !== '' ? fit(value.name) : 'anonymous'})`;
        return;
      case 'object':
        if (value !== null) {
          this.writeObject(value as Record<string, unknown>, depth);
          return;
        }
    }
    this.text += String(value);
  }

  private writeObject(value: Readonly<Record<string, unknown>>, depth: number): void {
    if (depth >= MAX_DEPTH) this.text += Array.isArray(value) ? '[...]' : '{...}';
    else if (Array.isArray(value))
      this.writeAll('[]', value, (item) => this.write(item, depth + 1));
    else if (ArrayBuffer.isView(value)) this.text += `${value.byteLength} bytes`;
    else if (isError(value)) this.text += fit(wordsOf(value) ?? 'an error without words');
    else if (typeof value['toJSON'] === 'function') this.write(value['toJSON'](''), depth + 1);
    else if (!this.writeOwnText(value)) {
      this.writeAll('{}', Object.keys(value), (key) => {
        this.text += `${JSON.stringify(withoutCredentials(key))}:`;
        if (SECRET_NAMES.test(cut(key))) this.text += '"***"';
        else this.write(value[key], depth + 1);
      });
    }
  }

  /** Whether the value converts itself to text, such as an id of a database. */
  private writeOwnText(value: Readonly<Record<string, unknown>>): boolean {
    const text: unknown = typeof value['toString'] === 'function' ? value['toString']() : undefined;
    if (typeof text !== 'string' || text.startsWith('[object ')) return false;
    this.text += fit(text);
    return true;
  }

  private writeAll<T>([open, close]: string, parts: readonly T[], write: (part: T) => void): void {
    this.text += open;
    for (let index = 0; index < parts.length; index++) {
      if (index > 0) this.text += ',';
      if (this.text.length > MAX_TEXT_CHARACTERS) {
        this.text += '...';
        break;
      }
      write(parts[index] as T);
    }
    this.text += close;
  }
}

function cut(text: string): string {
  return text.length > MAX_TEXT_CHARACTERS ? text.slice(0, MAX_TEXT_CHARACTERS) : text;
}

/** `?name=`, `&name=` and so on, in front of a value. */
const PARAMETER = /[?&;#]([^?&;#=\s]*)=/g;
/** The character that ends the value of a secret. The value may contain any other. */
const PARAMETER_END = /[&\s]/g;
/** A port, and the character after it. */
const PORT = /^:\d{1,5}(?:[/?#,;)\]'"]|$)/;
/** The user name and the ":" before a password, in a URL without its scheme. */
const BARE_USER = /^["'([<]*[^:/@#"'(){}[\],=<>]*:/;

/**
 * Cuts text, and masks credentials in everything that looks like a URL. It masks too much rather than too little,
 * because a password may contain any character: it ends at the last "@".
 *
 * @param whole whether the text is one value, such as an option: a password without a scheme may then contain
 * spaces
 */
function withoutCredentials(given: string, whole = false): string {
  const text = cut(given);
  // If the "@" was cut off, the password extends to the end.
  const isCut = text.length < given.length;
  const last = isCut ? text.length : text.lastIndexOf('@');
  return withoutParameters(masked(text, last, isCut, whole));
}

function withoutParameters(text: string): string {
  let result = '';
  let from = 0;
  for (const { 0: all, 1: name, index } of text.matchAll(PARAMETER)) {
    if (index < from || name === undefined || !SECRET_NAMES.test(name)) continue;
    const start = index + all.length;
    PARAMETER_END.lastIndex = start;
    const end = PARAMETER_END.exec(text)?.index ?? text.length;
    result += `${text.slice(from, start)}***`;
    from = end;
  }
  return result + text.slice(from);
}

function masked(text: string, last: number, isCut: boolean, whole: boolean): string {
  let result = '';
  let from = 0;
  for (const { 0: run, index } of text.matchAll(/\S+/g)) {
    if (index < from) continue;
    const isLast = isCut && index + run.length === text.length;
    const lastInRun = isLast ? run.length : run.lastIndexOf('@');
    const secret = secretOf(run, lastInRun, last - index, whole && result === '');
    if (secret === undefined) continue;
    result += `${text.slice(from, index + secret.start)}***`;
    from = index + secret.end;
  }
  return result + text.slice(from);
}

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Where in a run of characters without spaces a password begins, and where it ends: in this run, or in a later one.
 */
function secretOf(run: string, lastInRun: number, last: number, whole: boolean): Range | undefined {
  const slashes = run.indexOf('//');
  if (slashes === -1) {
    const user = BARE_USER.exec(run)?.[0].length ?? -1;
    return user === -1 ? undefined : range(user, whole ? last : lastInRun);
  }
  const host = slashes + 2;
  const ipv6 = run[host] === '[' ? run.indexOf(']', host) : -1;
  const user = Math.max(host, ipv6);
  const colon = indexFrom(run, ':', user);
  const at = indexFrom(run, '@', user);
  const isPath = run.slice(user, Math.min(colon, at)).includes('/');
  // A path that contains an "@", such as that of a package, has no user before it.
  if (at < colon) return isPath ? undefined : range(host, lastInRun);
  if (colon === run.length) return isPath ? undefined : range(host, lastInRun);
  if (lastInRun < colon && PORT.test(run.slice(colon))) return undefined;
  return range(colon + 1, isPath ? lastInRun : last);
}

function indexFrom(text: string, part: string, from: number): number {
  const index = text.indexOf(part, from);
  return index === -1 ? text.length : index;
}

function range(start: number, end: number): Range | undefined {
  return end >= start ? { start, end } : undefined;
}
