import { types } from 'node:util';

/** How much there is in every map, set and list below some objects, by where it is. */
export type Sizes = Record<string, number>;

/** These grow up to a fixed bound, whatever comes and goes, and stay there. */
const BOUNDED = [
  // Names of namespaces, at most two times 1,000; kinds of reports.
  /\.channels\.(recent|before)$/,
  /\.reporter\.kinds$/,
  // Publishes, of which settled ones are let go of in hundreds.
  /\.publisher\.pending$/,
  // RxJS' copy of a list that is counted as well, made when it is first needed.
  /\.currentObservers$/,
];

/** Redis clients, sockets and servers: what they have of their own is not ours. */
function isEmitter(value: object): boolean {
  return 'eventNames' in value;
}

/** Node's timers are linked with one another, whoever made them. */
function isOpaque(value: object): boolean {
  return isEmitter(value) || ArrayBuffer.isView(value) || value.constructor?.name === 'Timeout';
}

/**
 * Walks through everything that the objects hold, so that a map that somebody adds tomorrow is counted as well. What
 * is found twice is counted where it was found first.
 */
export function sizesBelow(roots: Readonly<Record<string, object>>): Sizes {
  const sizes: Sizes = {};
  const seen = new Set<unknown>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (types.isMap(value) || types.isSet(value) || Array.isArray(value)) {
      if (BOUNDED.some((bounded) => bounded.test(path))) return;
      sizes[path] = (sizes[path] ?? 0) + (Array.isArray(value) ? value.length : value.size);
      for (const each of value.values()) visit(each, `${path}[]`);
    } else if (!isOpaque(value) || Object.values(roots).includes(value)) {
      for (const [key, each] of Object.entries(value)) visit(each, `${path}.${key}`);
    }
  };
  for (const [name, root] of Object.entries(roots)) visit(root, name);
  return sizes;
}
