import { EventEmitter } from 'node:events';

/** How much there is in every map, set and list below a place, by where it is. */
export type Sizes = Record<string, number>;

/** Grow up to a fixed bound and stay there: they hold no more than that, whatever comes and goes. */
const BOUNDED: ReadonlySet<string> = new Set([
  // Names of namespaces (at most 1,000) and of kinds of reports.
  'bases',
  'kinds',
  // Publishes, of which settled ones are let go of in hundreds.
  'pending[]',
]);

/**
 * Walks through everything that an object holds, so that a map that somebody adds tomorrow is watched as well. It goes
 * around what is not ours: Redis clients, sockets and servers are emitters.
 */
export function sizesBelow(root: object, name: string): Sizes {
  const sizes: Sizes = {};
  const seen = new Set<unknown>();
  const count = (path: string, size: number): void => {
    sizes[path] = (sizes[path] ?? 0) + size;
  };
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Map || value instanceof Set) {
      count(path, value.size);
      for (const each of value.values()) visit(each, `${path}[]`);
    } else if (Array.isArray(value)) {
      count(path, value.length);
      for (const each of value) visit(each, `${path}[]`);
    } else if (value === root || !(value instanceof EventEmitter || ArrayBuffer.isView(value))) {
      for (const [key, each] of Object.entries(value)) visit(each, `${path}.${key}`);
    }
  };
  visit(root, name);
  return sizes;
}
