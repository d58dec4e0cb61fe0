import type { ClientSocket, DeclaredContract } from 'nestjs-redis-propagator-client';
import type { PresenceChange, PresenceEntry, Status, User } from '../../../shared/model.js';
import { DEMO_USERS } from '../../../shared/rules.js';
import { isFailure } from '../../../shared/failure.js';
import { Store } from '../net/store.js';

export interface Person extends PresenceEntry {
  readonly online: boolean;
}

export interface PeopleState {
  /** Whether the server has sent the list. */
  readonly known: boolean;
  /** Whether the shown state is current. */
  readonly live: boolean;
  readonly byId: ReadonlyMap<string, Person>;
}

/** The online users, and their devices. */
export class People {
  readonly state = new Store<PeopleState>({ known: false, live: false, byId: new Map() });
  private socket?: ClientSocket<DeclaredContract, '/presence'>;

  attach(socket: ClientSocket<DeclaredContract, '/presence'>): () => void {
    this.socket = socket;
    const list = (entries: PresenceEntry[]): void => {
      const byId = new Map(entries.map((entry) => [entry.user.id, { ...entry, online: true }]));
      this.state.set({ known: true, live: true, byId });
    };
    const change = (person: PresenceChange): void => {
      this.state.update((state) => ({
        ...state,
        byId: new Map([...state.byId, [person.user.id, person]]),
      }));
    };
    const stale = (): void => this.state.update((state) => ({ ...state, live: false }));
    socket.on('presence:list', list);
    socket.on('presence:change', change);
    socket.on('disconnect', stale);
    return () => {
      socket.off('presence:list', list);
      socket.off('presence:change', change);
      socket.off('disconnect', stale);
      stale();
    };
  }

  /** @returns whether the server accepted it */
  async setStatus(status: Status): Promise<boolean> {
    const answer = await this.socket
      ?.timeout(5000)
      .emitWithAck('status', { status })
      .catch(() => undefined);
    return answer !== undefined && !isFailure(answer);
  }
}

/** Everybody on the list: online users, and the other users of the demo. */
export function everybody({ byId }: PeopleState, me: User): Person[] {
  const known = new Map(byId);
  for (const id of DEMO_USERS) {
    if (!known.has(id))
      known.set(id, { user: { id, name: id }, status: 'away', sessions: [], online: false });
  }
  const rank = ({ user, online }: Person): number => (user.id === me.id ? 0 : online ? 1 : 2);
  return [...known.values()].sort(
    (a, b) => rank(a) - rank(b) || a.user.name.localeCompare(b.user.name),
  );
}
