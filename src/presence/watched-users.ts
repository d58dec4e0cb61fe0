import type { ChannelHandle, Channels } from '../channels/channels.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { after, guarded } from '../reporting/timers.js';
import type { PresenceWatch } from './presence-watch.js';
import { bucketOf, presenceChannel } from './store/presence-buckets.js';
import type { PresenceStore } from './store/presence-store.js';

/** Where a user stands. Never changed: a change makes another object. @internal */
export interface UserState {
  readonly online: boolean;
  readonly status: string | null;
}

/** @internal */
export function isSameState(before: UserState | undefined, { online, status }: UserState): boolean {
  return before?.online === online && before.status === status;
}

/** A user whose state this instance knows while someone holds it. @internal */
export interface WatchedUser<Watcher> {
  readonly userId: string;
  /** Undefined until it has been read. */
  state: UserState | undefined;
  /** The clients that get its changes. */
  readonly watchers: Set<Watcher>;
  holders: number;
  /** Counts the changes, so that a read that began earlier does not undo one. */
  changes: number;
}

/** The users of one channel. */
interface Bucket<Watcher> {
  readonly number: number;
  readonly channel: string;
  readonly handle: ChannelHandle;
  readonly users: Map<string, WatchedUser<Watcher>>;
  /** The users whose state has to be read. */
  readonly unread: Set<WatchedUser<Watcher>>;
  reading: Promise<void> | undefined;
}

/** @internal */
export interface WatchedUsersDeps {
  readonly store: Pick<PresenceStore, 'read'>;
  readonly watch: Pick<PresenceWatch, 'read'>;
  readonly sharedChannels: Channels;
  readonly pubSub: PubSub;
  readonly reporter: Reporter;
  readonly prefix: string;
  /** The time after which every instance has restored its users in a store that has lost them. */
  readonly leaseMs: number;
}

const RETRY_MS = 1_000;
const MAX_PER_READ = 1_000;

/**
 * The state of each watched user, read once for all clients of this instance, and kept by the changes of all instances. What
 * may have been missed is read again.
 *
 * @internal
 */
export class WatchedUsers<Watcher> {
  private readonly buckets = new Map<number, Bucket<Watcher>>();
  private readonly stopListening: () => void;
  private retryTimer: NodeJS.Timeout | undefined;
  private restoredTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly deps: WatchedUsersDeps,
    /** Called when a user has another state. */
    private readonly changed: (user: WatchedUser<Watcher>) => void,
  ) {
    const { pubSub } = deps;
    const interrupted = guarded(this.failed, (isInterrupted: (channel: string) => boolean) =>
      this.readAgain(isInterrupted),
    );
    this.stopListening = pubSub.onInterruption?.(interrupted) ?? (() => {});
  }

  /** The number of users. */
  get size(): number {
    let size = 0;
    for (const { users } of this.buckets.values()) size += users.size;
    return size;
  }

  /** To be released as often as it is held. */
  hold(userId: string): WatchedUser<Watcher> {
    const bucket = this.bucket(bucketOf(userId));
    let user = bucket.users.get(userId);
    if (user === undefined) {
      user = { userId, state: undefined, watchers: new Set(), holders: 0, changes: 0 };
      bucket.users.set(userId, user);
      bucket.unread.add(user);
    }
    user.holders++;
    return user;
  }

  release(user: WatchedUser<Watcher>): void {
    if (--user.holders > 0) return;
    const bucket = this.buckets.get(bucketOf(user.userId));
    if (bucket?.users.get(user.userId) !== user) return;
    bucket.users.delete(user.userId);
    bucket.unread.delete(user);
    if (bucket.users.size > 0) return;
    this.buckets.delete(bucket.number);
    bucket.handle.release();
  }

  /** Resolves when the states of these users are read, or cannot be read now: then `changed` is called later. Never rejects. */
  async known(users: readonly WatchedUser<Watcher>[]): Promise<void> {
    const numbers = new Set(users.map(({ userId }) => bucketOf(userId)));
    await Promise.all([...numbers].map(async (number) => this.readBucket(number)));
  }

  /** The store has lost its data: the instances register their users again, without a report. */
  lost(): void {
    this.readAgain(() => true);
  }

  close(): void {
    this.stopListening();
    clearTimeout(this.retryTimer);
    clearTimeout(this.restoredTimer);
    for (const { handle } of this.buckets.values()) handle.release();
    this.buckets.clear();
  }

  private bucket(number: number): Bucket<Watcher> {
    let bucket = this.buckets.get(number);
    if (bucket === undefined) {
      const channel = presenceChannel(this.deps.prefix, number);
      const users = new Map<string, WatchedUser<Watcher>>();
      const handle = this.deps.sharedChannels.acquire(channel, (bytes) => {
        const change = this.deps.watch.read(bytes);
        const user = change && users.get(change.userId);
        if (user === undefined) return;
        user.changes++;
        this.set(user, { online: change?.type !== 'offline', status: change?.status ?? null });
      });
      bucket = { number, channel, handle, users, unread: new Set(), reading: undefined };
      this.buckets.set(number, bucket);
    }
    return bucket;
  }

  private set(user: WatchedUser<Watcher>, { online, status }: UserState): void {
    const state = { online, status };
    if (isSameState(user.state, state)) return;
    user.state = state;
    this.changed(user);
  }

  private readBucket(number: number): Promise<void> | undefined {
    const bucket = this.buckets.get(number);
    if (bucket === undefined || bucket.unread.size === 0) return bucket?.reading;
    bucket.reading ??= this.readAll(bucket);
    return bucket.reading;
  }

  /** Never rejects. */
  private async readAll(bucket: Bucket<Watcher>): Promise<void> {
    // A change after the read is heard, because the channel is subscribed before.
    await bucket.handle.ready;
    let isRead = true;
    while (isRead && bucket.unread.size > 0) isRead = await this.readSome(bucket);
    bucket.reading = undefined;
    if (!isRead) this.retry();
  }

  private async readSome({ number, channel, users, unread }: Bucket<Watcher>): Promise<boolean> {
    if (!this.deps.pubSub.isSubscribed(channel)) return false;
    const some = [...unread].slice(0, MAX_PER_READ);
    const changes = some.map((user) => user.changes);
    for (const user of some) unread.delete(user);
    try {
      const ids = some.map(({ userId }) => userId);
      const found = await this.deps.store.read(number, ids);
      for (const [i, user] of some.entries()) {
        const state = found[i];
        if (state !== undefined && user.changes === changes[i]) this.apply(user, state);
      }
      return true;
    } catch (error) {
      this.failed(error);
      for (const user of some) if (users.get(user.userId) === user) unread.add(user);
      return false;
    }
  }

  private apply(user: WatchedUser<Watcher>, state: UserState): void {
    // The instance of the user may not have restored it yet.
    const isDoubtful = this.restoredTimer !== undefined && user.state?.online === true;
    if (isDoubtful && !state.online) return;
    this.set(user, state);
  }

  private readAgain(isMissed: (channel: string) => boolean): void {
    if (!this.markUnread(isMissed)) return;
    this.retry();
    clearTimeout(this.restoredTimer);
    this.restoredTimer = after(this.deps.leaseMs, this.failed, () => {
      this.restoredTimer = undefined;
      if (this.markUnread(() => true)) this.readUnread();
    }).unref();
  }

  private markUnread(isMissed: (channel: string) => boolean): boolean {
    let some = false;
    for (const { channel, users, unread } of this.buckets.values()) {
      if (!isMissed(channel)) continue;
      for (const user of users.values()) unread.add(user);
      some = true;
    }
    return some;
  }

  private retry(): void {
    if (this.buckets.size === 0) return;
    this.retryTimer ??= after(RETRY_MS, this.failed, () => {
      this.retryTimer = undefined;
      this.readUnread();
    }).unref();
  }

  private readUnread(): void {
    for (const number of this.buckets.keys()) void this.readBucket(number);
  }

  private readonly failed = (error: unknown): void =>
    this.deps.reporter.failure('presence.failed', () => 'watched users')(error);
}
