import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import type { SocketListener } from '../auth/authentication.js';
import type { Refusals } from '../auth/refusals.js';
import { shown } from '../options/checks.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { CanWatch } from '../options/presence-options.js';
import type { ResolvedPresenceOptions } from '../options/resolve-presence.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded, soon } from '../reporting/timers.js';
import {
  permittedOf,
  takeRequest,
  unpermitted,
  usersWanted,
  type NoPermission,
  type RequestRate,
} from './watch-permission.js';
import { PRESENCE_EVENT } from '../wire/reserved-events.js';
import {
  WATCH_EVENT,
  type PresenceNotice,
  type PresenceWatchCode,
  type PresenceWatchResult,
  type WatchedPresence,
} from './watch-protocol.js';
import {
  isSameState,
  WatchedUsers,
  type UserState,
  type WatchedUser,
  type WatchedUsersDeps,
} from './watched-users.js';

/** The watch of one socket. */
interface ClientWatch extends RequestRate {
  readonly socket: AuthenticatedSocket;
  userId: string;
  /** The watched users, each with the state that the client has. */
  users: Map<WatchedUser<ClientWatch>, UserState | undefined>;
}

interface ClientWatchesDeps {
  readonly reporter: Reporter;
  readonly refusals: Pick<Refusals, 'add'>;
  readonly hasExpired: (socket: AuthenticatedSocket) => boolean;
  /** The highest number of bytes of a user id. */
  readonly nameBytes: number;
}

/** Changes within this time make one notice for each client. */
const COLLECT_MS = 250;
const SOCKETS_AT_ONCE = 500;

/**
 * The users that the clients of this instance watch, as far as `presence.canWatch` permits it. A socket watches until it
 * leaves, or has no user any more.
 *
 * @internal
 */
export class ClientWatches implements SocketListener {
  private readonly watches = new Map<string, ClientWatch>();
  /** The watches with changes that their clients do not have, each with the users that have changed. */
  private readonly dirty = new Map<ClientWatch, Set<WatchedUser<ClientWatch>>>();
  /** Undefined if no client may watch. */
  private readonly users: WatchedUsers<ClientWatch> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private turn: NodeJS.Immediate | undefined;
  private isClosed = false;
  /** One listener for all sockets. */
  private readonly listener: (this: AuthenticatedSocket, ...args: unknown[]) => void;

  constructor(
    private readonly options:
      Pick<ResolvedPresenceOptions, 'canWatch' | 'maxWatchedUsers'> | undefined,
    private readonly deps: ClientWatchesDeps,
    /** Undefined without presence. */
    users?: WatchedUsersDeps,
  ) {
    if (options?.canWatch !== undefined && users !== undefined) {
      this.users = new WatchedUsers(users, (user) => this.changed(user));
    }
    const answer = guarded(this.failed, (socket: AuthenticatedSocket, args: unknown[]) =>
      this.answer(socket, args),
    );
    this.listener = function (this: AuthenticatedSocket, ...args: unknown[]): void {
      answer(this, args);
    };
  }

  listen(socket: AuthenticatedSocket): void {
    socket.on(WATCH_EVENT, this.listener);
  }

  left(socketId: string): void {
    const watch = this.watches.get(socketId);
    if (watch === undefined) return;
    this.watches.delete(socketId);
    this.clear(watch);
  }

  /** The store has lost its data. */
  lost(): void {
    this.users?.lost();
  }

  private changed(user: WatchedUser<ClientWatch>): void {
    for (const watch of user.watchers) {
      const users = this.dirty.get(watch);
      if (users === undefined) this.dirty.set(watch, new Set([user]));
      else users.add(user);
    }
    if (this.dirty.size > 0)
      this.timer ??= after(COLLECT_MS, this.failed, () => this.tell()).unref();
  }

  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearImmediate(this.turn);
    for (const watch of this.watches.values()) this.clear(watch);
    this.watches.clear();
    this.users?.close();
  }

  private async answer(socket: AuthenticatedSocket, args: unknown[]): Promise<void> {
    const result = await this.request(socket, args[0]);
    const ack = args.at(-1);
    if (result !== undefined && typeof ack === 'function') ack(result);
  }

  /** Resolves to the acknowledgement; undefined if the client has left, or this instance ends: then it will leave. */
  private async request(
    socket: AuthenticatedSocket,
    given: unknown,
  ): Promise<PresenceWatchResult | undefined> {
    if (!this.isOpen(socket)) return undefined;
    const identity = this.identityOf(socket);
    const { options, users } = this;
    const canWatch = users && options?.canWatch;
    if (identity === undefined && canWatch !== undefined) {
      this.left(socket.id);
      return this.refused(socket, 'presence.watch-refused', 'it has no user');
    }
    const watch = this.watchOf(socket);
    const retryAfterMs = takeRequest(watch);
    if (retryAfterMs > 0) {
      const words = 'too many requests';
      return { ...this.refused(socket, 'presence.watch-too-often', words), retryAfterMs };
    }
    if (!options || !users || !canWatch || !identity) {
      const remedy = 'a client wants to watch users: set the option presence.canWatch';
      this.deps.reporter.once('presence.watch-off', () => remedy);
      return { ok: false, code: 'presence.watch-off' };
    }
    const wanted = usersWanted(given, options.maxWatchedUsers, this.deps.nameBytes);
    if ('problem' in wanted) {
      const { problem, ...more } = wanted;
      return { ...this.refused(socket, 'presence.watch-invalid', problem), ...more };
    }
    const { userIds, impossible } = wanted;
    if (impossible > 0) {
      const words = `${impossible} ids that no user can have are left out: ${shown(given)}`;
      this.deps.reporter.report('presence.watch-invalid', () => `socket ${socket.id}: ${words}`);
    }
    watch.isBusy = true;
    try {
      return await this.replace(watch, identity, userIds, { users, canWatch });
    } finally {
      watch.isBusy = false;
    }
  }

  private async replace(
    watch: ClientWatch,
    identity: AuthenticatedIdentity,
    userIds: readonly string[],
    { users, canWatch }: { users: WatchedUsers<ClientWatch>; canWatch: CanWatch },
  ): Promise<PresenceWatchResult | undefined> {
    const { socket } = watch;
    const permitted =
      userIds.length === 0 ? userIds : await permittedOf(canWatch, identity, userIds, socket);
    if (!Array.isArray(permitted)) {
      this.clear(watch);
      return unpermitted(this.deps.reporter, permitted as NoPermission);
    }
    const isCurrent = (): boolean =>
      this.watches.get(socket.id) === watch && this.identityOf(socket)?.userId === identity.userId;
    const outdated = (): PresenceWatchResult | undefined => {
      if (!this.isOpen(socket)) return undefined;
      this.clear(watch);
      return unpermitted(this.deps.reporter, this.identityOf(socket) ? 'other-user' : 'refused');
    };
    if (!isCurrent()) return outdated();
    const held = permitted.map((userId) => users.hold(userId));
    await users.known(held);
    if (!isCurrent()) {
      for (const user of held) users.release(user);
      return outdated();
    }
    this.clear(watch);
    watch.userId = identity.userId;
    for (const user of held) {
      user.watchers.add(watch);
      watch.users.set(user, user.state);
    }
    return { ok: true, users: held.flatMap((user) => presenceOf(user)) };
  }

  private watchOf(socket: AuthenticatedSocket): ClientWatch {
    let watch = this.watches.get(socket.id);
    if (watch === undefined) {
      watch = { socket, userId: '', users: new Map(), isBusy: false, restedAt: 0 };
      this.watches.set(socket.id, watch);
    }
    return watch;
  }

  private isOpen(socket: AuthenticatedSocket): boolean {
    return socket.connected && !this.isClosed;
  }

  /** Undefined for a socket that may not watch: it is anonymous, has left, or its identity has expired. */
  private identityOf(socket: AuthenticatedSocket): AuthenticatedIdentity | undefined {
    if (!socket.connected || this.deps.hasExpired(socket)) return undefined;
    // An app may also set it to undefined.
    return socket.auth ?? undefined;
  }

  /** The client watches no user. */
  private clear(watch: ClientWatch): void {
    this.dirty.delete(watch);
    for (const user of watch.users.keys()) {
      user.watchers.delete(watch);
      this.users?.release(user);
    }
    watch.users.clear();
  }

  /** Sends the changes to some clients, and to the others in the next turn. */
  private tell(): void {
    this.timer = undefined;
    let count = 0;
    for (const [watch, users] of this.dirty) {
      if (++count > SOCKETS_AT_ONCE) {
        this.turn = soon(this.failed, () => this.tell());
        return;
      }
      this.dirty.delete(watch);
      if (this.identityOf(watch.socket)?.userId !== watch.userId) this.end(watch);
      else this.tellOne(watch, users);
    }
  }

  private tellOne({ socket, users }: ClientWatch, due: Iterable<WatchedUser<ClientWatch>>): void {
    const changed: WatchedPresence[] = [];
    for (const user of due) {
      const { state } = user;
      if (state === undefined || isSameState(users.get(user), state)) continue;
      users.set(user, state);
      changed.push(...presenceOf(user));
    }
    if (changed.length > 0) this.notify(socket, { users: changed });
  }

  /** The socket has another user than the one that was permitted, or none. */
  private end(watch: ClientWatch): void {
    this.clear(watch);
    if (!this.isOpen(watch.socket)) return;
    const code = 'presence.watch-refused';
    this.deps.reporter.count(code);
    this.notify(watch.socket, { users: [], ended: code });
  }

  private notify(socket: AuthenticatedSocket, notice: PresenceNotice): void {
    this.deps.reporter.attempt(
      'listener.failed',
      () => `socket ${socket.id}`,
      () => socket.emit(PRESENCE_EVENT, notice),
    );
  }

  private refused(
    socket: AuthenticatedSocket,
    code: PresenceWatchCode,
    detail: string,
  ): { readonly ok: false; readonly code: PresenceWatchCode } {
    this.deps.reporter.report(code, () => `socket ${socket.id}: ${detail}`);
    this.deps.refusals.add(socket.conn, code);
    return { ok: false, code };
  }

  private readonly failed = (error: unknown): void =>
    this.deps.reporter.failure('listener.failed', () => WATCH_EVENT)(error);
}

function presenceOf({ userId, state }: WatchedUser<ClientWatch>): WatchedPresence[] {
  return state === undefined ? [] : [{ userId, online: state.online, status: state.status }];
}
