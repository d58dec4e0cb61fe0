import type { SocketSelector } from './socket-selector.js';

type Sets = ReadonlyMap<string, ReadonlySet<string>>;

/** What a namespace's adapter knows of its rooms and sockets, by their names and ids. */
interface Occupancy {
  readonly rooms: Sets;
  readonly sids: Sets;
}

type Selection = Pick<SocketSelector, 'rooms' | 'except' | 'within'>;

const NOBODY: ReadonlySet<string> = new Set();

/** Calls back with the id of each socket that is selected, once. @internal */
export function eachMember(
  { rooms, sids }: Occupancy,
  { rooms: wanted, except, within }: Selection,
  act: (id: string) => void,
): void {
  const excepted = membersOf(rooms, except);
  const frame = within === undefined ? undefined : (rooms.get(within) ?? NOBODY);
  const visit = (ids: Iterable<string>): void => {
    for (const id of ids) if (!excepted.has(id) && frame?.has(id) !== false) act(id);
  };
  const [first, second] = wanted;
  if (first === undefined) visit(sids.keys());
  else if (second === undefined) visit(rooms.get(first) ?? NOBODY);
  else visit(membersOf(rooms, wanted));
}

function membersOf(rooms: Sets, names: readonly string[]): ReadonlySet<string> {
  if (names.length === 0) return NOBODY;
  const members = new Set<string>();
  for (const name of names) for (const id of rooms.get(name) ?? NOBODY) members.add(id);
  return members;
}
