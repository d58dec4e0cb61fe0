import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { isSet } from '../../kinds.js';
import { roomsOfIdentity } from '../../routing/reserved-rooms.js';

/** The ids of the sockets in a room. @internal */
export type Members = Iterable<string> & Pick<ReadonlySet<string>, 'has'>;

/** Most users and sessions have one socket. A Set would take five times the memory. */
class OneMember implements Members {
  constructor(readonly id: string) {}

  has(id: string): boolean {
    return id === this.id;
  }

  [Symbol.iterator](): Iterator<string> {
    return [this.id].values();
  }
}

/** Called when the first socket of a user or session joins, and when the last one has left. */
interface Holder {
  open(room: string): void;
  close(room: string): void;
}

/**
 * The sockets of each user and session in a namespace. They are addressed as reserved rooms, but they are not rooms of
 * Socket.IO: no list of rooms and no event shows them, and `socket.leaveAll()` does not affect them.
 *
 * @internal
 */
export class IdentityRooms {
  private readonly members = new Map<string, OneMember | Set<string>>();
  private readonly identities = new Map<string, AuthenticatedIdentity>();

  constructor(private readonly holder: Holder) {}

  add(id: string, identity: AuthenticatedIdentity): string[] {
    this.identities.set(id, identity);
    const rooms = roomsOfIdentity(identity);
    for (const room of rooms) {
      const members = this.members.get(room);
      if (members === undefined) {
        this.members.set(room, new OneMember(id));
        this.holder.open(room);
      } else if (isSet(members)) {
        members.add(id);
      } else if (!members.has(id)) {
        this.members.set(room, new Set([members.id, id]));
      }
    }
    return rooms;
  }

  /** Returns false if the socket belonged to no user. */
  delete(id: string): boolean {
    const rooms = this.roomsOf(id);
    this.identities.delete(id);
    for (const room of rooms) {
      const members = this.members.get(room);
      if (members?.has(id) !== true) continue;
      if (isSet(members)) {
        members.delete(id);
        const [rest] = members;
        if (members.size === 1 && rest !== undefined) this.members.set(room, new OneMember(rest));
      } else {
        this.members.delete(room);
        this.holder.close(room);
      }
    }
    return rooms.length > 0;
  }

  /** The ids of the sockets in a reserved room. */
  get(room: string): Members | undefined {
    return this.members.get(room);
  }

  identityOf(id: string): AuthenticatedIdentity | undefined {
    return this.identities.get(id);
  }

  /** The reserved rooms of a socket. */
  roomsOf(id: string): string[] {
    const identity = this.identities.get(id);
    return identity === undefined ? [] : roomsOfIdentity(identity);
  }
}
