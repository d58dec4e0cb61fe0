import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { PubSub } from '../../ports/pub-sub.js';
import { graceEnd, graceStart } from './grace-period.js';
import { BUCKETS, bucketOf, presenceChannel } from './presence-buckets.js';
import type { PresenceChange } from './presence-change.js';
import { instanceOf } from './presence-store.js';
import type {
  Beat,
  BeatAnswer,
  CountedSocket,
  Lease,
  Owner,
  PresenceStep,
  PresenceStore,
  DueResult,
  SocketAdmission,
  SocketToAdmit,
  Swept,
  Updated,
  UserPresence,
} from './presence-store.js';

interface Present {
  readonly owners: Set<Owner>;
  /** The end of the grace period, in ms since 1970, while there are no owners. */
  graceEndsAt: number | undefined;
  status: string | null;
}

/** The data of all instances of one process. @internal */
export class PresenceTable {
  readonly users = Array.from({ length: BUCKETS }, () => new Map<string, Present>());
  readonly seen = new Map<string, number>();
  readonly sockets = new Map<string, { owner: Owner; socketId: string }[]>();
  /** Owners that have ended and whose users no instance has taken over yet. */
  readonly ended = new Set<Owner>();
  /** Owners with a subscriber to their changes, and when they last reported one (ms since 1970). */
  readonly heard = new Map<Owner, number>();
  /** Unacknowledged changes, and the owners that report them. */
  readonly reports = new Map<PresenceChange, Owner>();
}

/**
 * Presence of the instances of one process. They end together, so leases do not expire, no data is lost, and no join is
 * tentative.
 *
 * @internal
 */
export class InMemoryPresenceStore implements PresenceStore {
  readonly connection = 0;

  constructor(
    private readonly table: PresenceTable,
    private readonly pubSub: PubSub,
    private readonly prefix: string,
    private readonly options: ResolvedPresenceOptions,
  ) {}

  async verify(): Promise<void> {}

  async beat({ owner, hasSubscriber = false }: Beat): Promise<BeatAnswer> {
    const { ended, heard } = this.table;
    const now = Date.now();
    if (hasSubscriber) heard.set(owner, now);
    for (const [other, at] of heard) {
      if (at < now - 2 * this.options.leaseMs) heard.delete(other);
    }
    // Changes of their users would be lost on an instance without a subscriber.
    const dead = hasSubscriber || heard.size === 0 ? [...ended] : [];
    if (dead.length > 0) ended.clear();
    return { state: 'held', now: Date.now(), until: Infinity, data: 'memory', dead };
  }

  async resign(owner: Owner): Promise<void> {
    this.table.ended.add(owner);
  }

  async sweepFinished(): Promise<void> {}

  async update(bucket: number, { owner }: Lease, steps: readonly PresenceStep[]): Promise<Updated> {
    const now = Date.now();
    const changes: PresenceChange[] = [];
    for (const { operation, userId } of steps) {
      if (operation === 'leave' || operation === 'gone') this.leave(userId, owner, now);
      else if (this.join(bucket, userId, owner) && operation !== 'restore') {
        changes.push(this.report('online', userId, owner));
      }
    }
    return { state: 'done', now, changes };
  }

  async processDue(bucket: number, { owner }: Lease): Promise<DueResult> {
    const now = Date.now();
    const { lastSeenMs } = this.options;
    const users = this.usersOf(bucket);
    const changes: PresenceChange[] = [];
    for (const [userId, { graceEndsAt = Infinity }] of users) {
      if (graceEndsAt > now) continue;
      users.delete(userId);
      this.table.seen.delete(userId);
      if (lastSeenMs > 0) this.table.seen.set(userId, graceStart(graceEndsAt, this.options));
      changes.push(this.report('offline', userId, owner));
    }
    // Oldest first.
    for (const [userId, at] of this.table.seen) {
      if (at >= now - lastSeenMs) break;
      this.table.seen.delete(userId);
    }
    return { state: 'done', now, changes, nextAt: this.nextDue(bucket) };
  }

  async acknowledge(_: number, __: Owner, changes: readonly PresenceChange[]): Promise<void> {
    for (const change of changes) this.table.reports.delete(change);
  }

  async sweep(bucket: number, { owner }: Lease, dead: Owner): Promise<Swept> {
    const now = Date.now();
    const changes = this.reassign(bucket, dead, owner);
    for (const userId of this.usersOf(bucket).keys()) this.leave(userId, dead, now);
    for (const userId of this.table.sockets.keys()) {
      if (bucketOf(userId) === bucket) this.dropSockets(userId, (socket) => socket.owner === dead);
    }
    const nextAt = this.nextDue(bucket);
    return { state: 'done', now, changes, nextAt, cursor: undefined };
  }

  async read(bucket: number, userIds: readonly string[]): Promise<UserPresence[]> {
    const users = this.usersOf(bucket);
    const now = Date.now();
    return userIds.map((userId) => {
      const present = users.get(userId);
      if (present !== undefined) return { online: true, status: present.status, lastSeen: now };
      const seen = this.table.seen.get(userId) ?? -Infinity;
      const isKept = seen > now - this.options.lastSeenMs;
      return { online: false, status: null, lastSeen: isKept ? seen : null };
    });
  }

  async setStatus(
    bucket: number,
    userId: string,
    status: string | null,
    reporter: Owner,
  ): Promise<{ online: boolean; change: PresenceChange | undefined }> {
    const present = this.usersOf(bucket).get(userId);
    if (present === undefined || present.status === status) {
      return { online: present !== undefined, change: undefined };
    }
    present.status = status;
    return { online: true, change: this.tell('status', userId, reporter, status) };
  }

  async page(bucket: number, after: string | undefined, limit: number): Promise<string[]> {
    const ids = [...this.usersOf(bucket).keys()];
    return inByteOrder(after === undefined ? ids : ids.filter((id) => isAfter(id, after))).slice(
      0,
      limit,
    );
  }

  async count(bucket: number): Promise<number> {
    return this.usersOf(bucket).size;
  }

  async admitSocket(
    _: number,
    { owner }: Lease,
    { userId, socketId, limit, policy }: SocketToAdmit,
  ): Promise<SocketAdmission> {
    const sockets = this.table.sockets.get(userId) ?? [];
    const known = sockets.findIndex((socket) => socket.socketId === socketId);
    if (known >= 0) {
      // With connection recovery the socket may come from another instance, whose release may come later.
      sockets[known] = { owner, socketId };
      return { admitted: true, evicted: [] };
    }
    if (policy === 'reject-new' && sockets.length >= limit) return { admitted: false, evicted: [] };
    sockets.push({ owner, socketId });
    this.table.sockets.set(userId, sockets);
    const tooMany = policy === 'disconnect-oldest' ? Math.max(0, sockets.length - limit) : 0;
    return { admitted: true, evicted: sockets.splice(0, tooMany).map((socket) => socket.socketId) };
  }

  async releaseSocket(_: number, lease: Lease, { userId, socketId }: CountedSocket): Promise<void> {
    this.dropSockets(
      userId,
      ({ owner, ...socket }) => owner === lease.owner && socket.socketId === socketId,
    );
  }

  close(): void {}

  /** Reassigns the unacknowledged changes of a dead owner. */
  private reassign(bucket: number, dead: Owner, owner: Owner): PresenceChange[] {
    const reassigned: PresenceChange[] = [];
    for (const [change, by] of this.table.reports) {
      if (by !== dead || bucketOf(change.userId) !== bucket) continue;
      this.table.reports.delete(change);
      reassigned.push({ ...change, instanceId: instanceOf(owner) });
    }
    for (const change of reassigned) this.table.reports.set(change, owner);
    return reassigned;
  }

  private report(type: PresenceChange['type'], userId: string, owner: Owner): PresenceChange {
    const change = this.tell(type, userId, owner);
    this.table.reports.set(change, owner);
    return change;
  }

  /** Returns whether the user came online. */
  private join(bucket: number, userId: string, owner: Owner): boolean {
    const users = this.usersOf(bucket);
    const present = users.get(userId);
    if (present === undefined) {
      users.set(userId, { owners: new Set([owner]), graceEndsAt: undefined, status: null });
      return true;
    }
    present.owners.add(owner);
    present.graceEndsAt = undefined;
    return false;
  }

  private leave(userId: string, owner: Owner, now: number): void {
    const present = this.usersOf(bucketOf(userId)).get(userId);
    if (present?.owners.delete(owner) !== true || present.owners.size > 0) return;
    present.graceEndsAt = graceEnd(now, this.options);
  }

  private dropSockets(
    userId: string,
    isDropped: (socket: { owner: Owner; socketId: string }) => boolean,
  ): void {
    const left = (this.table.sockets.get(userId) ?? []).filter((socket) => !isDropped(socket));
    if (left.length === 0) this.table.sockets.delete(userId);
    else this.table.sockets.set(userId, left);
  }

  private nextDue(bucket: number): number | undefined {
    const due = [...this.usersOf(bucket).values()].flatMap(({ graceEndsAt }) => graceEndsAt ?? []);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  private usersOf(bucket: number): Map<string, Present> {
    return this.table.users[bucket] ?? new Map<string, Present>();
  }

  private tell(
    type: PresenceChange['type'],
    userId: string,
    by: Owner,
    status: string | null = null,
  ): PresenceChange {
    const change = { type, userId, status, at: Date.now(), instanceId: instanceOf(by) };
    // Publish the change for `watch`, like the scripts in Redis.
    const channel = presenceChannel(this.prefix, bucketOf(userId));
    void this.publish(channel, Buffer.from(JSON.stringify(change)));
    return change;
  }

  private async publish(channel: string, bytes: Buffer): Promise<void> {
    try {
      await this.pubSub.publish(channel, bytes);
    } catch {
      // The reporting instance gets the change as the result of the call.
    }
  }
}

function isAfter(userId: string, other: string): boolean {
  return Buffer.compare(Buffer.from(userId), Buffer.from(other)) > 0;
}

/** The order of a sorted set in Redis. */
function inByteOrder(userIds: string[]): string[] {
  return userIds.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
