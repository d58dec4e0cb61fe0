import { types } from 'node:util';

/** The size of every map, set and list reachable from some objects, by path. */
export type Sizes = Record<string, number>;

/** These grow up to a fixed limit and stay there. */
const BOUNDED = [
  // Names of namespaces, at most twice 1,000; kinds of reports.
  /\.channels\.(recent|before)$/,
  /\.reporter\.kinds$/,
  // Publishes, of which settled ones are released in hundreds.
  /\.publisher\.pending$/,
  // Events of the last minutes for clients that come back, up to `recovery.maxBytes`; the last event of each of 50,000 rooms.
  /\.ring\.(chunks|spare|evicted\.(recent|older))$/,
  /\.arena\.spare$/,
  // Joins and leaves of the last minutes, at most 512 of each session.
  /\.byPid\[\]\.changes\.(all|byRoom)$/,
  // Of at most 10,000 instances.
  /\.offsets\.prefixes$/,
  // The rooms of a channel, made for its first event.
  /\.receiver\.known$/,
  // A copy by RxJS of a list that is counted as well, made when it is first needed.
  /\.currentObservers$/,
];

/** Skips Redis clients, sockets and servers, whose fields are not those of the library. */
function isEmitter(value: object): boolean {
  return 'eventNames' in value;
}

/** All timers of Node are linked with one another. */
function isOpaque(value: object): boolean {
  return isEmitter(value) || ArrayBuffer.isView(value) || value.constructor?.name === 'Timeout';
}

/**
 * Walks through everything that the objects reference, so that new maps are counted as well. An object is counted
 * where it is found first.
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
