import type { AuthenticatedIdentity } from '../../options/auth-options.js';
import { roomsOfIdentity } from '../../routing/reserved-rooms.js';

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
  private readonly members = new Map<string, Set<string>>();
  private readonly identities = new Map<string, AuthenticatedIdentity>();

  constructor(private readonly holder: Holder) {}

  add(id: string, identity: AuthenticatedIdentity): string[] {
    this.identities.set(id, identity);
    const rooms = roomsOfIdentity(identity);
    for (const room of rooms) {
      const ids = this.members.get(room);
      if (ids === undefined) {
        this.members.set(room, new Set([id]));
        this.holder.open(room);
      } else {
        ids.add(id);
      }
    }
    return rooms;
  }

  /** Returns false if the socket belonged to no user. */
  delete(id: string): boolean {
    const rooms = this.roomsOf(id);
    this.identities.delete(id);
    for (const room of rooms) {
      const ids = this.members.get(room);
      if (ids?.delete(id) !== true || ids.size > 0) continue;
      this.members.delete(room);
      this.holder.close(room);
    }
    return rooms.length > 0;
  }

  /** The ids of the sockets in a reserved room. */
  get(room: string): ReadonlySet<string> | undefined {
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
