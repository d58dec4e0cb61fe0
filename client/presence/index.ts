import type { Socket } from 'socket.io-client';
// Import the types from the name of the package: the declarations of this entry are published as they are.
import type { ClientSocket, Store } from 'nestjs-redis-propagator-client';
import { delayAfter } from '../src/delay.js';
import { Listeners } from '../src/store.js';

/** The presence of one user. */
export interface UserPresence {
  readonly online: boolean;
  /** The status set by `PresenceService.setStatus`; null for none. */
  readonly status: string | null;
}

/** The watched users by id, without those that the app does not permit, or whose presence is not known yet. */
export type PresenceByUser = ReadonlyMap<string, UserPresence>;

const WATCH = 'propagator:watch';
const PRESENCE = 'propagator:presence';
const ANSWER_MS = 10_000;
/** A server that does not answer is asked seldom. */
const MIN_PAUSE_MS = 100;
const MAX_PAUSE_MS = 60_000;
const PAUSES = { reconnectionDelayMax: MAX_PAUSE_MS };
/** Both formats of this package find the same {@link Hub} at a socket. */
const HUB = Symbol.for('nestjs-redis-propagator-client/presence');

/**
 * The presence of users, as a store: it is watched while the store has a subscriber, also over lost connections. All stores of a
 * socket together ask the server once.
 *
 * ```ts
 * const friends = watchPresence(socket, ['bob', 'carol']);
 * const stop = friends.subscribe(() => show(friends.get().get('bob')?.online));
 * ```
 *
 * @param socket a socket of `connect()`
 * @param userIds empty strings are left out, such as those of a component without a user yet
 */
export function watchPresence(
  socket: Pick<ClientSocket, 'status'>,
  userIds: Iterable<string | number> & object,
): Store<PresenceByUser> {
  const owner = socket as unknown as Socket & { [HUB]?: Hub };
  return new View((owner[HUB] ??= new Hub(owner)), idsIn(userIds));
}

/** The users of one call of {@link watchPresence}. */
class View implements Store<PresenceByUser> {
  private value: PresenceByUser = new Map();
  private readonly listeners = new Listeners<[]>();
  private subscribers = 0;

  constructor(
    private readonly hub: Hub,
    readonly userIds: ReadonlySet<string>,
  ) {
    this.update();
  }

  readonly get = (): PresenceByUser => this.value;

  readonly subscribe = (listener: () => void): (() => void) => {
    let remove: (() => void) | undefined = this.listeners.add(listener);
    if (++this.subscribers === 1) this.hub.add(this);
    return () => {
      if (remove === undefined) return;
      remove();
      remove = undefined;
      if (--this.subscribers === 0) this.hub.remove(this);
    };
  };

  /** Takes what is known. The value stays the same object if nothing has changed. */
  update(): void {
    const before = this.value;
    const now = new Map<string, UserPresence>();
    let isSame = true;
    for (const userId of this.userIds) {
      const known = this.hub.known.get(userId);
      if (known !== undefined) now.set(userId, known);
      if (known !== before.get(userId)) isSame = false;
    }
    if (isSame) return;
    this.value = now;
    this.listeners.call();
  }
}

/** The users that all stores of a socket watch, in one request. */
class Hub {
  readonly known = new Map<string, UserPresence>();
  private readonly views = new Set<View>();
  /** The last request that the server has, or is about to answer. */
  private sent = '[]';
  private isListening = false;
  private isSending = false;
  /** Counts the connections: Socket.IO before 4.8 answers a request of a lost one when its time is over. */
  private connection = 0;
  private isPlanned = false;
  private failures = 0;
  private maxUsers = Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly socket: Socket) {}

  add(view: View): void {
    if (!this.isListening) {
      this.isListening = true;
      this.socket.on('connect', this.connected);
      this.socket.on('disconnect', this.forgotten);
      this.socket.on(PRESENCE, this.changed);
    }
    this.views.add(view);
    view.update();
    this.plan();
  }

  remove(view: View): void {
    this.views.delete(view);
    this.plan();
  }

  /** Later in this turn: a component that is mounted again, or with other users, is one request, or none. */
  private plan(): void {
    if (this.isPlanned) return;
    this.isPlanned = true;
    queueMicrotask(() => {
      this.isPlanned = false;
      const wanted = this.wanted();
      for (const userId of this.known.keys()) if (!wanted.has(userId)) this.known.delete(userId);
      this.send();
    });
  }

  private wanted(): Set<string> {
    const wanted = new Set<string>();
    for (const { userIds } of this.views) for (const userId of userIds) wanted.add(userId);
    return wanted;
  }

  private end(): void {
    this.isListening = false;
    this.socket.off('connect', this.connected);
    this.socket.off('disconnect', this.forgotten);
    this.socket.off(PRESENCE, this.changed);
  }

  private readonly connected = (): void => {
    this.failures = 0;
    this.maxUsers = Infinity;
    this.forgotten();
  };

  /** The server forgets a socket that has left. */
  private readonly forgotten = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.sent = '[]';
    this.isSending = false;
    this.connection++;
    this.send();
  };

  private readonly changed = (given: unknown): void => {
    this.take(usersIn(given));
    // While a request is under way, its answer counts.
    if (fieldsOf(given)['ended'] === undefined || this.isSending) return;
    this.sent = '[]';
    this.send();
  };

  private take(users: PresenceList): void {
    for (const { userId, online, status } of users) {
      const before = this.known.get(userId);
      if (before?.online === online && before.status === status) continue;
      this.known.set(userId, { online, status });
    }
    for (const view of this.views) view.update();
  }

  /** Sends a request if the server has another one. Without views it listens until the server watches nobody. */
  private send(): void {
    if (this.isSending) return;
    if (this.socket.connected && this.timer === undefined) this.sendChanged();
    if (this.views.size === 0 && this.sent === '[]' && !this.isSending) this.end();
  }

  private sendChanged(): void {
    // Sorted, so that another order is no other request.
    const userIds = [...this.wanted()].slice(0, this.maxUsers).sort();
    const request = JSON.stringify(userIds);
    if (request === this.sent) return;
    this.sent = request;
    this.isSending = true;
    const { connection } = this;
    this.socket.timeout(ANSWER_MS).emit(WATCH, userIds, (error: Error | null, answer: unknown) => {
      if (connection !== this.connection) return;
      this.isSending = false;
      this.answered(userIds, error, fieldsOf(answer));
      this.send();
    });
  }

  private answered(
    userIds: readonly string[],
    error: Error | null,
    { ok, retryAfterMs, maxUsers, ...answer }: Record<string, unknown>,
  ): void {
    if (error !== null) this.pause(delayAfter(this.failures++, PAUSES));
    else if (typeof retryAfterMs === 'number') this.pause(retryAfterMs);
    else if (typeof maxUsers === 'number' && maxUsers < userIds.length) {
      this.maxUsers = Math.max(0, maxUsers);
      this.sent = '';
    } else {
      this.failures = 0;
      const users = ok === true ? usersIn(answer) : [];
      const ids = new Set(users.map(({ userId }) => userId));
      for (const userId of userIds) if (!ids.has(userId)) this.known.delete(userId);
      this.take(users);
    }
  }

  private pause(ms: number): void {
    this.sent = '';
    this.timer = setTimeout(
      () => {
        this.timer = undefined;
        this.send();
      },
      Math.min(Math.max(ms, MIN_PAUSE_MS), MAX_PAUSE_MS),
    );
  }
}

/** The server would report an empty id, such as that of a component without a user yet. */
function idsIn(userIds: Iterable<string | number>): ReadonlySet<string> {
  return new Set(Array.from(userIds, String).filter((userId) => userId !== ''));
}

type PresenceList = readonly ({ readonly userId: string } & UserPresence)[];

/** The users in data from the server; none that is malformed. */
function usersIn(given: unknown): PresenceList {
  const { users } = fieldsOf(given);
  if (!Array.isArray(users)) return [];
  return users.flatMap((one) => {
    const { userId, online, status } = fieldsOf(one);
    if (typeof userId !== 'string' || typeof online !== 'boolean') return [];
    return [{ userId, online, status: typeof status === 'string' ? status : null }];
  });
}

function fieldsOf(given: unknown): Record<string, unknown> {
  return typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
}
