import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { PubSub } from '../../ports/pub-sub.js';
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
  /** While there are no owners: when it is over, in ms since 1970. */
  dueAt: number | undefined;
  status: string | null;
}

/** What the instances of one process share. @internal */
export class PresenceTable {
  readonly users = Array.from({ length: BUCKETS }, () => new Map<string, Present>());
  readonly seen = new Map<string, number>();
  readonly sockets = new Map<string, { owner: Owner; socketId: string }[]>();
  /** Owners that have ended, and whose users nobody looks after yet. */
  readonly ended = new Set<Owner>();
  /** Owners that somebody listens to, or did a moment ago, and when they last said so. */
  readonly heard = new Map<Owner, number>();
  /** Changes that were handed out, until their owners have confirmed them. */
  readonly reports = new Map<PresenceChange, Owner>();
}

/**
 * Presence of the instances of one process. They end together, so there are no leases, and nothing is lost.
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

  async beat({ owner, isHeard = false }: Beat): Promise<BeatAnswer> {
    const { ended, heard } = this.table;
    const now = Date.now();
    if (isHeard) heard.set(owner, now);
    for (const [other, at] of heard) {
      if (at < now - 2 * this.options.leaseMs) heard.delete(other);
    }
    // What there is to be said of their users is lost on an instance that nobody listens to.
    const dead = isHeard || heard.size === 0 ? [...ended] : [];
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
    const { graceMs, lastSeenMs } = this.options;
    const users = this.usersOf(bucket);
    const changes: PresenceChange[] = [];
    for (const [userId, { dueAt = Infinity }] of users) {
      if (dueAt > now) continue;
      users.delete(userId);
      this.table.seen.delete(userId);
      if (lastSeenMs > 0) this.table.seen.set(userId, dueAt - graceMs);
      changes.push(this.report('offline', userId, owner));
    }
    // The oldest come first.
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
    const changes = this.unconfirmed(bucket, dead, owner);
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
    if (sockets.some((socket) => socket.socketId === socketId)) {
      return { admitted: true, evicted: [] };
    }
    if (policy === 'reject-new' && sockets.length >= limit) return { admitted: false, evicted: [] };
    sockets.push({ owner, socketId });
    this.table.sockets.set(userId, sockets);
    const tooMany = policy === 'disconnect-oldest' ? Math.max(0, sockets.length - limit) : 0;
    return { admitted: true, evicted: sockets.splice(0, tooMany).map((socket) => socket.socketId) };
  }

  async releaseSocket(_: number, __: Lease, { userId, socketId }: CountedSocket): Promise<void> {
    this.dropSockets(userId, (socket) => socket.socketId === socketId);
  }

  close(): void {}

  /** What a dead owner has not confirmed is another one's to report. */
  private unconfirmed(bucket: number, dead: Owner, owner: Owner): PresenceChange[] {
    const handed: PresenceChange[] = [];
    for (const [change, by] of this.table.reports) {
      if (by !== dead || bucketOf(change.userId) !== bucket) continue;
      this.table.reports.delete(change);
      handed.push({ ...change, instanceId: instanceOf(owner) });
    }
    for (const change of handed) this.table.reports.set(change, owner);
    return handed;
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
      users.set(userId, { owners: new Set([owner]), dueAt: undefined, status: null });
      return true;
    }
    present.owners.add(owner);
    present.dueAt = undefined;
    return false;
  }

  private leave(userId: string, owner: Owner, now: number): void {
    const present = this.usersOf(bucketOf(userId)).get(userId);
    if (present?.owners.delete(owner) !== true || present.owners.size > 0) return;
    present.dueAt = now + this.options.graceMs;
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
    const due = [...this.usersOf(bucket).values()].flatMap(({ dueAt }) => dueAt ?? []);
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
    // Who watches is told as Redis would tell.
    const channel = presenceChannel(this.prefix, bucketOf(userId));
    void this.publish(channel, Buffer.from(JSON.stringify(change)));
    return change;
  }

  private async publish(channel: string, bytes: Buffer): Promise<void> {
    try {
      await this.pubSub.publish(channel, bytes);
    } catch {
      // The one that reports it has it all the same.
    }
  }
}

function isAfter(userId: string, other: string): boolean {
  return Buffer.compare(Buffer.from(userId), Buffer.from(other)) > 0;
}

/** As Redis sorts. */
function inByteOrder(userIds: string[]): string[] {
  return userIds.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}
