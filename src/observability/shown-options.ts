import { isPlainObject } from '../kinds.js';
import type { ResolvedOptions } from '../options/resolve-options.js';

/** Text options that are known to be harmless. All others may be secrets. */
const KNOWN_TEXTS: ReadonlySet<string> = new Set(['prefix', 'onTooManySockets', 'policy']);

const HIDDEN = '(set)';

/** Options as JSON, without values that may be secrets. */
export type ShownOptions = { readonly [name: string]: ShownOption };
export type ShownOption = string | number | boolean | null | ShownOptions;

/**
 * The options of an instance, for finding faults: numbers, booleans, and a few texts by name. Any other option is
 * only shown as set, so that new options are hidden by default.
 *
 * @internal
 */
export function shownOptions(options: ResolvedOptions): ShownOptions {
  const { redis, pubSub, ...others } = options;
  return {
    transport: pubSub === undefined ? `redis: ${kindOf(redis)}` : `pubSub: ${nameOf(pubSub)}`,
    ...shownEntries(others),
  };
}

function shownEntries(entries: object): ShownOptions {
  return Object.fromEntries(
    Object.entries(entries).map(([name, value]) => [name, shownOption(name, value)]),
  );
}

function shownOption(name: string, value: unknown): ShownOption {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : HIDDEN;
    case 'boolean':
      return value;
    case 'undefined':
      return null;
    case 'string':
      return KNOWN_TEXTS.has(name) ? value : HIDDEN;
    default:
      return isPlainObject(value) ? shownEntries(value) : value === null ? null : HIDDEN;
  }
}

function kindOf(redis: unknown): string {
  if (typeof redis !== 'object' || redis === null) return 'one server';
  if ('publisher' in redis) return 'clients of the app';
  if ('nodes' in redis) return 'Cluster';
  return 'sentinels' in redis ? 'Sentinel' : 'one server';
}

function nameOf(value: object): string {
  return value.constructor?.name ?? 'object';
}
