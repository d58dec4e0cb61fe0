/** Names that other libraries have for the same thing, and what they are called here. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  // node-redis, BullMQ, Bull, and earlier ioredis.
  socket: ['host'],
  url: ['redis', 'host'],
  uri: ['redis', 'host'],
  connection: ['redis'],
  database: ['db'],
  user: ['username'],
  ssl: ['tls'],
  servers: ['nodes'],
  rootNodes: ['nodes'],
  clusterOptions: ['options'],
  masterName: ['name'],
  cluster: ['nodes'],
  redisOptions: ['options'],
  // Socket.IO's adapters.
  key: ['prefix'],
  keyPrefix: ['prefix'],
  requestsTimeout: ['requestTimeoutMs'],
  adapter: ['redis'],
  useFactory: ['forRootAsync({ useFactory })'],
  useClass: ['forRootAsync({ useClass })'],
  useExisting: ['forRootAsync({ useExisting })'],
};

const MIN_CHARACTERS = 3;

/** The known name that is most like an unknown one; undefined where none is. @internal */
export function likeliest(unknown: string, known: readonly string[]): string | undefined {
  // Never asked of long texts: the distance takes time and memory for each pair of characters.
  if (unknown.length > 64) return undefined;
  const called = Object.hasOwn(OTHER_NAMES, unknown) ? OTHER_NAMES[unknown] : undefined;
  const translated = called?.find((name) => known.includes(name) || name.includes('('));
  if (translated !== undefined) return translated;
  const given = unknown.toLowerCase();
  const ranked = known
    .map((name) => ({ name, distance: distanceOf(given, name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const [first] = ranked;
  if (first === undefined) return undefined;
  if (first.distance <= Math.max(1, Math.floor(given.length / 3))) return first.name;
  if (given.length < MIN_CHARACTERS) return undefined;
  return known.find((name) => {
    const lower = name.toLowerCase();
    return lower.length >= MIN_CHARACTERS && (lower.startsWith(given) || given.startsWith(lower));
  });
}

/** How many characters to insert, delete, replace or swap (Damerau and Levenshtein). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      let least = Math.min(
        at(row, j) + 1,
        at(next, j - 1) + 1,
        at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, at(before, j - 2) + 1);
      }
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? Infinity;
}
