import { EMPTY, Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import type { Readiness } from '../reporting/readiness.js';
import { readable } from '../reporting/unawaited.js';
import type { SocketStateService } from '../auth/socket-state.service.js';
import { checkedUserId, checkedUserIds, type UserId } from '../auth/user-id.js';
import { BUCKETS, bucketOf, byBucket } from './store/presence-buckets.js';
import type { OnlineUsers, PresenceChange } from './store/presence-change.js';
import type { PresenceStore, UserPresence } from './store/presence-store.js';
import type { PresenceTracker } from './tracker/presence-tracker.js';
import type { PresenceWatch } from './presence-watch.js';

const MAX_STATUS_BYTES = 256;
const MAX_PER_PAGE = 1_000;
/** The maximum number of users with a `setStatus` call without a reply, and how long each is remembered. */
const MAX_UNCERTAIN = 1_000;
const UNCERTAIN_MS = 60_000;

/** The parts of {@link PresenceService}. @internal */
export interface PresenceParts {
  readonly store: PresenceStore;
  readonly tracker: PresenceTracker;
  readonly watch: PresenceWatch;
  readonly readiness: Pick<Readiness, 'hasBegun'>;
}

/**
 * The online users of the whole cluster: every user with at least one authenticated socket on any instance, in any
 * namespace, and until the end of the grace period after the last one has left (option `presence`).
 *
 * The methods reject with `app.not-started` before the start, with `redis.unavailable`, `redis.no-writes`, `redis.timeout`,
 * `redis.permission` or `redis.command-failed` if Redis does not execute the command, with `target.invalid` for an invalid
 * user id, and with `presence.unavailable` if presence is switched off.
 */
export class PresenceService {
  /**
   * The changes that this instance reports. Exactly one instance reports each change in the cluster, so subscribe here
   * for actions that are to happen once, such as telling the clients:
   *
   * ```ts
   * presence.changes$.subscribe(({ type, userId }) =>
   *   propagator.emitToAuthenticated({ event: `user-${type}`, data: { userId } }),
   * );
   * ```
   */
  readonly changes$: Observable<PresenceChange>;
  /** `setStatus` calls without a reply, by user, with their monotonic time (`performance.now()`). */
  private readonly uncertain = new Map<string, { status: string | null; at: number }>();

  /** @internal */
  constructor(
    private readonly parts: PresenceParts | undefined,
    private readonly state: SocketStateService,
  ) {
    this.changes$ = parts?.tracker.changes$ ?? EMPTY;
  }

  /** Whether this instance has a lease, so that the store has its users. @internal */
  get leased(): boolean {
    return this.parts?.tracker.currentLease !== undefined;
  }

  /** Whether a user is online. Does not call Redis for a user with a socket on this instance. */
  async isOnline(userId: UserId): Promise<boolean> {
    const [online = false] = (await this.areOnline([userId])).values();
    return online;
  }

  /** Whether each of these users is online, by user id. */
  async areOnline(userIds: Iterable<UserId>): Promise<Map<string, boolean>> {
    const found = await this.look(userIds);
    return new Map([...found].map(([userId, { online }]) => [userId, online]));
  }

  /**
   * One page of the online users, in no particular order. Pass the `cursor` of a page to get the next one; it is null on the
   * last page. A user who stays online is on exactly one page.
   *
   * @throws PropagatorError `target.invalid` for an unknown cursor, or a limit that is not a whole number from 1 to 1000
   */
  async onlineUsers(
    page: { cursor?: string | null | undefined; limit?: number | undefined } = {},
  ): Promise<OnlineUsers> {
    const { store } = this.available();
    if (typeof page !== 'object' || page === null) {
      const remedy = 'Pass an object such as { cursor, limit: 100 }, or nothing.';
      throw PropagatorError.of('target.invalid', ['options', shown(page), remedy]);
    }
    const { cursor, limit = 100 } = readable(() => ({ ...page }));
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PER_PAGE) {
      const remedy = `Pass a whole number from 1 to ${MAX_PER_PAGE}.`;
      throw PropagatorError.of('target.invalid', ['limit', shown(limit), remedy]);
    }
    let { bucket, after } = positionOf(cursor);
    const userIds: string[] = [];
    for (; bucket < BUCKETS; bucket++, after = undefined) {
      const wanted = limit - userIds.length;
      const found = await store.page(bucket, after, wanted);
      userIds.push(...found);
      if (found.length === wanted) return { userIds, cursor: `${bucket}:${userIds.at(-1) ?? ''}` };
    }
    return { userIds, cursor: null };
  }

  /** The number of online users. */
  async count(): Promise<number> {
    const { store } = this.available();
    const buckets = Array.from({ length: BUCKETS }, (_, bucket) => store.count(bucket));
    return (await Promise.all(buckets)).reduce((sum, count) => sum + count, 0);
  }

  /**
   * When a user was last connected, in ms since 1970. Now for an online user; null for a user who was never online, or
   * longer ago than `presence.lastSeenMs`.
   */
  async lastSeen(userId: UserId): Promise<number | null> {
    const [found] = (await this.look([userId])).values();
    return found?.lastSeen ?? null;
  }

  /** The status set by {@link setStatus}, or null. */
  async statusOf(userId: UserId): Promise<string | null> {
    const { store } = this.available();
    const id = checkedUserId(userId);
    const [found] = await store.read(bucketOf(id), [id]);
    return found?.status ?? null;
  }

  /**
   * Sets the status of an online user, such as `'away'`, or null for none. It is lost when the user goes offline, and
   * when Redis loses its data.
   *
   * @param status 1 to 256 bytes, or null
   * @returns false if the user is offline, and nothing was set
   * @throws PropagatorError `presence.status-invalid`
   */
  async setStatus(userId: UserId, status: string | null): Promise<boolean> {
    const { store, tracker } = this.available();
    const id = checkedUserId(userId);
    checkStatus(status);
    // A user who has just connected to this instance may not be in the store yet.
    if (this.state.get(id).length > 0) await tracker.whenUpdated(id);
    const { connection } = store;
    try {
      const { online, change } = await store.setStatus(bucketOf(id), id, status, tracker.owner);
      const wasSet = this.mayBeSet(id, status);
      this.uncertain.delete(id);
      if (change !== undefined) tracker.report(change);
      // An earlier call without a reply has set this status, and its change was not reported.
      else if (online && wasSet) tracker.reportStatus(id, status);
      return online;
    } catch (error) {
      const wasSent = store.connection !== connection || isTimeout(error);
      if (wasSent) this.isUncertain(id, status);
      throw error;
    }
  }

  /**
   * The changes of these users (default: of all users), whichever instance reports them. Every instance that watches gets
   * them, such as to show who is online. Changes during an outage of Redis are missed: call {@link areOnline} when it is
   * back (`RedisService.state$`).
   */
  watch(userIds?: Iterable<UserId>): Observable<PresenceChange> {
    const { watch } = this.available();
    return watch.of(userIds === undefined ? undefined : checkedUserIds(userIds));
  }

  private async look(userIds: Iterable<UserId>): Promise<Map<string, UserPresence>> {
    const { store } = this.available();
    const ids = checkedUserIds(userIds);
    const isHere = (id: string): boolean => this.state.get(id).length > 0;
    const found = new Map<string, UserPresence>();
    await Promise.all(
      [...byBucket(ids.filter((id) => !isHere(id)))].map(async ([bucket, users]) => {
        const looked = await store.read(bucket, users);
        for (const [i, presence] of looked.entries()) found.set(users[i] ?? '', presence);
      }),
    );
    const here = { online: true, status: null, lastSeen: Date.now() };
    return new Map(
      ids.map((id) => [
        id,
        found.get(id) ?? (isHere(id) ? here : { online: false, status: null, lastSeen: null }),
      ]),
    );
  }

  private mayBeSet(userId: string, status: string | null): boolean {
    const { status: before, at } = this.uncertain.get(userId) ?? { at: -Infinity };
    return before === status && at > performance.now() - UNCERTAIN_MS;
  }

  private isUncertain(userId: string, status: string | null): void {
    const { uncertain } = this;
    uncertain.delete(userId);
    uncertain.set(userId, { status, at: performance.now() });
    const [oldest] = uncertain.keys();
    if (uncertain.size > MAX_UNCERTAIN && oldest !== undefined) uncertain.delete(oldest);
  }

  private available(): PresenceParts {
    if (this.parts === undefined) throw PropagatorError.of('presence.unavailable', []);
    if (!this.parts.readiness.hasBegun) throw PropagatorError.of('app.not-started', []);
    return this.parts;
  }
}

function checkStatus(given: unknown): asserts given is string | null {
  if (given === null) return;
  if (typeof given === 'string' && given !== '' && Buffer.byteLength(given) <= MAX_STATUS_BYTES) {
    return;
  }
  throw PropagatorError.of('presence.status-invalid', [shown(given), MAX_STATUS_BYTES]);
}

function positionOf(cursor: unknown): { bucket: number; after: string | undefined } {
  if (cursor === undefined || cursor === null) return { bucket: 0, after: undefined };
  const [, bucket, after] = (typeof cursor === 'string' && /^(\d{1,3}):(.+)$/s.exec(cursor)) || [];
  if (bucket !== undefined && Number(bucket) < BUCKETS) return { bucket: Number(bucket), after };
  const remedy = 'Pass the cursor of the page before, or none to begin.';
  throw PropagatorError.of('target.invalid', ['cursor', shown(cursor), remedy]);
}

function isTimeout(error: unknown): boolean {
  return error instanceof PropagatorError && error.code === 'redis.timeout';
}
