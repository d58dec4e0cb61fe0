import type { SocketSelector } from '../../routing/socket-selector.js';
import type { Members } from './identity-rooms.js';

/** The rooms and sockets of a namespace, by name and id. */
interface Occupancy {
  /** The ids of the sockets in a room, which may be a reserved one. */
  membersOf(room: string): Members | undefined;
  readonly sids: ReadonlyMap<string, unknown>;
}

type Selection = Pick<SocketSelector, 'rooms' | 'except' | 'within'>;

const NOBODY: ReadonlySet<string> = new Set();

/** Calls `act` once with the id of each selected socket. @internal */
export function forEachSocket(
  occupancy: Occupancy,
  { rooms: wanted, except, within }: Selection,
  act: (id: string) => void,
): void {
  const excepted = membersOf(occupancy, except);
  const frame = within === undefined ? undefined : (occupancy.membersOf(within) ?? NOBODY);
  const visit = (ids: Iterable<string>): void => {
    for (const id of ids) if (!excepted.has(id) && frame?.has(id) !== false) act(id);
  };
  const [first, second] = wanted;
  if (first === undefined) visit(occupancy.sids.keys());
  else if (second === undefined) visit(occupancy.membersOf(first) ?? NOBODY);
  else visit(membersOf(occupancy, wanted));
}

function membersOf(occupancy: Occupancy, names: readonly string[]): ReadonlySet<string> {
  if (names.length === 0) return NOBODY;
  const members = new Set<string>();
  for (const name of names) for (const id of occupancy.membersOf(name) ?? NOBODY) members.add(id);
  return members;
}
