import { Subject, type Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import { isSet } from '../kinds.js';
import { shown } from '../options/checks.js';
import { readable } from '../reporting/unawaited.js';
import { isSocket, type AuthenticatedSocket } from './authenticated-socket.js';
import { normalisedUserId, type UserId } from './user-id.js';

/** A user's first socket on this instance connected, or the last one left. */
export interface SocketStateChange {
  readonly type: 'first-socket' | 'last-socket';
  readonly userId: string;
}

const NO_SOCKETS: readonly AuthenticatedSocket[] = Object.freeze([]);

/**
 * The sockets of each user on this instance, in all namespaces. `SocketStateAdapter` maintains it: a socket is
 * included from before `handleConnection` of the gateway until after its `handleDisconnect`. To reach users in the
 * whole cluster, emit instead.
 */
export class SocketStateService {
  /** The socket of each user, or a Set for users with several. */
  private readonly sockets = new Map<string, AuthenticatedSocket | Set<AuthenticatedSocket>>();
  private readonly changes = new Subject<SocketStateChange>();
  private total = 0;
  /** The user of each connected socket as recorded by the adapter. Only the adapter removes it. */
  private readonly kept = new WeakMap<object, string>();

  /** Emits when users get their first socket on this instance, and when the last one leaves. */
  readonly changes$: Observable<SocketStateChange> = this.changes.asObservable();

  /**
   * Counts a socket for one more user. Returns false if the socket was already there, or the user id is invalid.
   * The app has to remove what it adds ({@link remove}), in `handleDisconnect` at the latest.
   *
   * @throws PropagatorError `target.invalid` if the first argument is not a socket
   */
  add(userId: UserId, socket: AuthenticatedSocket): boolean {
    const id = normalisedUserId(userId);
    if (id === undefined) return false;
    if (!readable(() => isSocket(socket))) {
      throw PropagatorError.of('target.invalid', ['socket', shown(socket), 'Pass a socket.']);
    }
    return this.insert(id, socket);
  }

  private insert(id: string, socket: AuthenticatedSocket): boolean {
    const sockets = this.sockets.get(id);
    if (isAmong(sockets, socket)) return false;
    this.total++;
    if (isSet(sockets)) sockets.add(socket);
    else if (sockets !== undefined) this.sockets.set(id, new Set([sockets, socket]));
    else {
      this.sockets.set(id, socket);
      this.changes.next({ type: 'first-socket', userId: id });
    }
    return true;
  }

  /** Called when an authenticated socket is connected. @internal */
  connected(userId: string, socket: AuthenticatedSocket): void {
    this.kept.set(socket, userId);
    this.insert(userId, socket);
  }

  /** Called after an authenticated socket has left. @internal */
  left(userId: string, socket: AuthenticatedSocket): void {
    this.kept.delete(socket);
    this.remove(userId, socket);
  }

  /**
   * Reverses {@link add}. Returns false if the socket was not there, or is a connected socket of that user: such a
   * user stays online, whatever an app says.
   */
  remove(userId: UserId, socket: AuthenticatedSocket): boolean {
    const id = normalisedUserId(userId);
    if (id !== undefined && this.kept.get(socket) === id) return false;
    const sockets = id === undefined ? undefined : this.sockets.get(id);
    if (id === undefined || !isAmong(sockets, socket)) return false;
    this.total--;
    if (isSet(sockets)) sockets.delete(socket);
    if (!isSet(sockets) || sockets.size === 0) {
      this.sockets.delete(id);
      this.changes.next({ type: 'last-socket', userId: id });
    }
    return true;
  }

  /** The sockets of a user, as a copy. */
  get(userId: UserId): readonly AuthenticatedSocket[] {
    const id = normalisedUserId(userId);
    const sockets = id === undefined ? undefined : this.sockets.get(id);
    if (sockets === undefined) return NO_SOCKETS;
    return isSet(sockets) ? [...sockets] : [sockets];
  }

  /** The sockets of all users, as one flat list. */
  getAll(): readonly AuthenticatedSocket[] {
    const all: AuthenticatedSocket[] = [];
    for (const sockets of this.sockets.values()) {
      if (isSet(sockets)) for (const socket of sockets) all.push(socket);
      else all.push(sockets);
    }
    return all;
  }

  /** The number of users with a socket on this instance. */
  get userCount(): number {
    return this.sockets.size;
  }

  /** The number of authenticated sockets on this instance. */
  get socketCount(): number {
    return this.total;
  }
}

function isAmong(
  sockets: AuthenticatedSocket | Set<AuthenticatedSocket> | undefined,
  socket: AuthenticatedSocket,
): boolean {
  return isSet(sockets) ? sockets.has(socket) : sockets === socket;
}
