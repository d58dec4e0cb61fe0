import { isIP } from 'node:net';
import { checkKnown, invalid, isOptions, misused } from './checks.js';
import type { RedisOptionKind } from './redis-option-names.js';

/** The number of a database as text; empty for the first one. @internal */
export const DATABASE = /^\d*$/;
const MAX_PORT = 65_535;
/** Above this value Node's timers fire at once. */
const MAX_NUMBER = 2 ** 31 - 1;
const MAX_DATABASE = 2 ** 31 - 1;
/** Sets of TLS options that ioredis knows by name. */
const TLS_PROFILES: ReadonlySet<unknown> = new Set(['RedisCloudFixed', 'RedisCloudFlexible']);

const REMEDIES: Record<Exclude<RedisOptionKind, 'any'>, string> = {
  text: 'Write a string, or leave it out.',
  port: `Write a whole number from 0 to ${MAX_PORT}, such as 6379.`,
  database: 'Write the number of a database, such as 0.',
  family: 'Write 4, 6, or 0 for both.',
  number: `Write a number from 0 to ${MAX_NUMBER}, or leave it out.`,
  signed: `Write a number up to ${MAX_NUMBER}, or leave it out.`,
  flag: 'Write true or false.',
  function: 'Write a function, or leave it out.',
  tls: 'Write the options of tls.connect(), such as {}, or leave it out for a connection without TLS.',
  list: 'Write a list.',
};

const FITS: Record<Exclude<RedisOptionKind, 'any'>, (given: unknown) => boolean> = {
  text: (given) => typeof given === 'string',
  port: (given) => isWhole(given, MAX_PORT),
  database: (given) => isWhole(given, MAX_DATABASE),
  family: (given) => given === 0 || given === 4 || given === 6,
  number: (given) => isNumber(given) && given >= 0,
  signed: isNumber,
  flag: (given) => typeof given === 'boolean',
  function: (given) => typeof given === 'function',
  tls: (given) => given === true || isOptions(given) || TLS_PROFILES.has(given),
  list: (given) => Array.isArray(given),
};

/**
 * Returns the given options, after checking the type of each. For an option that is undefined or null, ioredis has
 * a default.
 *
 * @throws PropagatorError `option.invalid`, `option.unknown`
 * @internal
 */
export function presentOptions(
  option: string,
  given: unknown,
  kinds: Readonly<Record<string, RedisOptionKind>>,
): Record<string, unknown> {
  if (!isOptions(given)) throw invalid(option, given, 'Write an object with options of ioredis.');
  checkKnown(option, given, Object.keys(kinds));
  // Includes the getters and methods of a class.
  const present = Object.keys(kinds).flatMap((name): [string, unknown][] => {
    const value = (given as Record<string, unknown>)[name];
    return value === undefined ? [] : [[name, usable(given, name, value, kinds[name])]];
  });
  for (const [name, value] of present) {
    const kind = kinds[name];
    if (kind !== undefined && value !== null) checkRedisOption(option, name, value, kind);
  }
  return Object.fromEntries(present);
}

/** Detaches an option from its object, which may be an instance of a class: binds methods, and flattens `tls`. */
function usable(given: object, name: string, value: unknown, kind?: RedisOptionKind): unknown {
  // ioredis copies only the own properties of these.
  if (kind === 'tls' && isOptions(value) && !isPlain(value)) return flat(value);
  // ioredis makes instances of the class in `Connector`.
  const isBound = typeof value === 'function' && name !== 'Connector' && !isPlain(given);
  return isBound ? value.bind(given) : value;
}

/** Whether an object is no instance of a class, in any realm. */
function isPlain(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The properties, getters and methods of an instance as a plain object. */
function flat(given: object): object {
  const values: Record<string, unknown> = {};
  for (let from = given; ; from = Object.getPrototypeOf(from) as object) {
    for (const name of Object.getOwnPropertyNames(from)) {
      if (name === 'constructor' || Object.hasOwn(values, name)) continue;
      const value = (given as Record<string, unknown>)[name];
      values[name] = typeof value === 'function' ? value.bind(given) : value;
    }
    if (isPlain(from)) return values;
  }
}

/** @throws PropagatorError `option.invalid` @internal */
export function checkRedisOption(
  option: string,
  name: string,
  given: unknown,
  kind: RedisOptionKind,
): void {
  if (kind === 'any' || FITS[kind](given)) return;
  const path = name === '' ? option : `${option}.${name}`;
  // The value may be a password.
  if (kind === 'text') throw misused(path, `a value of type ${typeof given}`, REMEDIES.text);
  throw invalid(path, given, REMEDIES[kind]);
}

function isNumber(given: unknown): given is number {
  return Number.isFinite(given) && (given as number) <= MAX_NUMBER;
}

/** A host for ioredis: only a name or an address. @throws PropagatorError `option.invalid` @internal */
export function checkHost(option: string, { host, path }: Record<string, unknown>): void {
  if (typeof host === 'string') {
    const isAddress = isIP(host) !== 0;
    if (/^[^\s:/@?#[\]]+$/.test(host) || isAddress || /^fe80:[\da-f:]+%\w+$/i.test(host)) return;
    throw invalid(
      `${option}.host`,
      host,
      "Write the name or address alone, such as 'localhost', and the rest as port, username, password and tls; or pass a URL instead.",
    );
  }
  if (typeof path !== 'string' || (path.trim() !== '' && !path.includes('://'))) return;
  throw invalid(
    `${option}.path`,
    path,
    'Write the path of a socket, such as /run/redis.sock, or leave it out.',
  );
}

/** Numbers may also be text, because ioredis accepts them directly from the environment. */
function isWhole(given: unknown, max: number): boolean {
  const number = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : given;
  return Number.isInteger(number) && (number as number) >= 0 && (number as number) <= max;
}
