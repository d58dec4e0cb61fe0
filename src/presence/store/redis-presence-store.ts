import type { ResolvedPresenceOptions } from '../../options/resolve-presence.js';
import type { RedisScript, RedisScripts } from '../../redis/redis-scripts.js';
import { ScriptBatches } from '../../redis/script-batches.js';
import { BUCKETS, presenceChannel } from './presence-buckets.js';
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
  UpdateFlags,
  UserPresence,
} from './presence-store.js';
import { BEAT, RESIGN, SWEEP_FINISHED } from './scripts/lease.js';
import { COUNT, PAGE, READ, SET_STATUS } from './scripts/lookups.js';
import { startedAtReplica } from '../../redis/redis-error.js';
import { graceArgument } from './grace-period.js';
import { probe } from './scripts/probe.js';
import { PROCESS_DUE } from './scripts/process-due.js';
import { ADMIT_SOCKET, RELEASE_SOCKET } from './scripts/sockets.js';
import { SWEEP } from './scripts/sweep.js';
import { ACKNOWLEDGE, UPDATE } from './scripts/update.js';

/** The maximum number of users that one call looks at during a sweep. */
const SWEEP_COUNT = 500;
/** Allowed clock difference between the masters of a Cluster: one checks a lease, another one ends it. */
const CLOCK_SKEW_MS = 1_000;
/**
 * How long the keys live after the last instance has ended, in ms: a day, and twice the longest time in which an instance
 * refreshes all buckets, one with each heartbeat.
 */
const keepMs = (leaseMs: number): number => 24 * 3_600_000 + 2 * BUCKETS * leaseMs;
/** The number of buckets, evenly spaced, that `verify` probes without a Cluster. */
const SINGLE_PROBES = 16;
/** End and connection of the lease, for scripts that check none. */
const NO_LEASE = [0, 0] as const;

type ChangeReply = [PresenceChange['type'], string, number, string];
type DueReply = [Updated['state'], number, ChangeReply[], string];

/**
 * Presence in Redis, changed by scripts. Each is atomic, uses the clock of its Redis server, and has all its keys in one slot.
 *
 * @internal
 */
export class RedisPresenceStore implements PresenceStore {
  private readonly publish: string;
  private readonly skewMs: number;
  private readonly leases: readonly string[];
  /** Arguments of every script of a bucket: lifetime of the keys, of the last-seen times, and the grace period, in ms. */
  private readonly common: readonly [number, number, number];
  /** Longer than users are kept: the record of a dead instance outlives its users. */
  private readonly keepLeasesMs: number;
  private readonly keysOf: readonly (readonly string[])[];
  /** Batches of the scripts that run for each user. None on a Cluster: its buckets are on different nodes. */
  private readonly batches: ReadonlyMap<RedisScript, ScriptBatches>;

  constructor(
    private readonly scripts: RedisScripts,
    private readonly prefix: string,
    private readonly cluster: boolean,
    private readonly options: ResolvedPresenceOptions,
  ) {
    this.publish = cluster ? 'SPUBLISH' : 'PUBLISH';
    this.skewMs = cluster ? CLOCK_SKEW_MS : 0;
    const kept = keepMs(options.leaseMs);
    this.keepLeasesMs = 2 * kept;
    this.common = [kept, Math.max(kept, options.lastSeenMs), graceArgument(options)];
    this.leases = ['leases', 'sweeps', 'swept', 'data', 'hold', 'heard'].map(
      (part) => `${prefix}:presence:{leases}:${part}`,
    );
    this.keysOf = Array.from({ length: BUCKETS }, (_, bucket) => {
      const base = presenceChannel(prefix, bucket);
      return KEYS.map((key) => `${base}:${key}`);
    });
    const batched = cluster ? [] : [UPDATE, ACKNOWLEDGE, ADMIT_SOCKET, RELEASE_SOCKET];
    this.batches = new Map(
      batched.map((script) => [script, new ScriptBatches(scripts, script, KEYS.length)]),
    );
  }

  get connection(): number {
    return this.scripts.connection;
  }

  async verify(): Promise<void> {
    // Each master of a Cluster has its own permissions. Otherwise a few probes reveal an unexpected Cluster.
    const step = this.cluster ? 1 : BUCKETS / SINGLE_PROBES;
    const buckets = Array.from({ length: BUCKETS / step }, (_, index) => index * step);
    const script = probe(this.publish);
    const probes = buckets.map((bucket) => {
      const base = `${presenceChannel(this.prefix, bucket)}:probe`;
      return this.scripts.runText(script, [base, `${base}:hash`, `${base}:set`]);
    });
    try {
      await Promise.all(probes);
    } catch (error) {
      throw startedAtReplica(error) ?? error;
    }
  }

  async beat({
    owner,
    data,
    claimUntil,
    sweeping = [],
    hasSubscriber = false,
  }: Beat): Promise<BeatAnswer> {
    const times = [claimUntil, this.skewMs];
    const known = [owner, this.options.leaseMs, data ?? ''];
    const args = [...known, ...times, hasSubscriber ? 1 : 0, this.keepLeasesMs, ...sweeping];
    const reply = await this.scripts.run(BEAT, this.leases, args);
    type Reply = [BeatAnswer['state'], number, number, string, number, ...Owner[]];
    const [state, now, until, current, tentativeUntil, ...dead] = reply as Reply;
    const answer = { state, now, until, data: current, dead };
    return tentativeUntil > now ? { ...answer, tentativeUntil } : answer;
  }

  async resign(owner: Owner): Promise<void> {
    await this.scripts.run(RESIGN, this.leases, [owner, this.keepLeasesMs]);
  }

  async sweepFinished(dead: Owner): Promise<void> {
    await this.scripts.run(SWEEP_FINISHED, this.leases, [dead, this.keepLeasesMs]);
  }

  async update(
    bucket: number,
    lease: Lease,
    steps: readonly PresenceStep[],
    { number = 0, redeliver = true }: UpdateFlags = {},
  ): Promise<Updated> {
    const operations = steps.flatMap(({ operation, userId }) => [operation, userId]);
    const flags = [lease.tentativeUntil ?? 0, number, redeliver ? 1 : 0];
    const args = [this.options.leaseMs, ...flags, ...operations];
    const reply = await this.runFor(lease, UPDATE, bucket, args);
    const [state, now, changes] = reply as [Updated['state'], number, ChangeReply[]];
    return { state, now, changes: changesOf(changes, lease.owner) };
  }

  async processDue(bucket: number, lease: Lease, redeliver = true): Promise<DueResult> {
    const args = [this.options.lastSeenMs, lease.tentativeUntil ?? 0, redeliver ? 1 : 0];
    const reply = await this.runFor(lease, PROCESS_DUE, bucket, args);
    return dueResult(reply as DueReply, lease.owner);
  }

  async acknowledge(
    bucket: number,
    owner: Owner,
    changes: readonly PresenceChange[],
  ): Promise<void> {
    const fields = changes.map(({ type, at, userId }) => `${type}:${at}:${userId}`);
    await this.run(ACKNOWLEDGE, bucket, [owner, ...NO_LEASE, ...fields]);
  }

  async sweep(
    bucket: number,
    lease: Lease,
    dead: Owner,
    cursor: string | undefined,
  ): Promise<Swept> {
    const args = [dead, cursor ?? '0', SWEEP_COUNT];
    const reply = await this.runFor(lease, SWEEP, bucket, args);
    const [state, now, changes, nextAt, next] = reply as [...DueReply, string];
    return {
      ...dueResult([state, now, changes, nextAt], lease.owner),
      cursor: next === '0' ? undefined : next,
    };
  }

  async read(bucket: number, userIds: readonly string[]): Promise<UserPresence[]> {
    const keys = this.keys(bucket);
    const reply = await this.scripts.run(READ, keys, userIds);
    const [now, ...found] = reply as [number, ...(number | string)[]];
    return userIds.map((_, i) => {
      const [online, status, seen] = found.slice(3 * i, 3 * i + 3) as [number, string, string];
      const isKept = seen !== '' && Number(seen) > now - this.options.lastSeenMs;
      const lastSeen = isKept ? Number(seen) : null;
      return {
        online: online === 1,
        status: status === '' ? null : status,
        lastSeen: online === 1 ? now : lastSeen,
      };
    });
  }

  async setStatus(
    bucket: number,
    userId: string,
    status: string | null,
    reporter: Owner,
  ): Promise<{ online: boolean; change: PresenceChange | undefined }> {
    const args = [reporter, ...NO_LEASE, userId, status ?? ''];
    const reply = await this.run(SET_STATUS, bucket, args);
    const [online, changes] = reply as [number, ChangeReply[]];
    const [change] = changesOf(changes, reporter);
    return { online: online === 1, change };
  }

  async page(bucket: number, after: string | undefined, limit: number): Promise<string[]> {
    const from = after === undefined ? '-' : `(${after}`;
    const reply = await this.scripts.run(PAGE, this.keys(bucket), [from, limit]);
    return reply as string[];
  }

  async count(bucket: number): Promise<number> {
    return (await this.scripts.run(COUNT, this.keys(bucket), [])) as number;
  }

  async admitSocket(
    bucket: number,
    lease: Lease,
    { userId, socketId, limit, policy }: SocketToAdmit,
  ): Promise<SocketAdmission | undefined> {
    const args = [userId, socketId, limit, policy];
    const reply = await this.runFor(lease, ADMIT_SOCKET, bucket, args);
    const [outcome, ...evicted] = reply as ['admitted' | 'rejected' | 'refused', ...string[]];
    return outcome === 'refused' ? undefined : { admitted: outcome === 'admitted', evicted };
  }

  async releaseSocket(
    bucket: number,
    lease: Lease,
    { userId, socketId }: CountedSocket,
  ): Promise<void> {
    await this.runFor(lease, RELEASE_SOCKET, bucket, [userId, socketId]);
  }

  close(): void {
    this.scripts.close();
  }

  private runFor(
    { owner, until, connection }: Lease,
    script: RedisScript,
    bucket: number,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    return this.run(script, bucket, [owner, until, connection, ...args]);
  }

  private run(
    script: RedisScript,
    bucket: number,
    args: readonly (string | number)[],
  ): Promise<unknown> {
    const channel = presenceChannel(this.prefix, bucket);
    const batches = this.batches.get(script);
    const keys = this.keys(bucket);
    const all = [channel, this.publish, ...this.common, ...args];
    return batches === undefined ? this.scripts.run(script, keys, all) : batches.run(keys, all);
  }

  private keys(bucket: number): readonly string[] {
    return this.keysOf[bucket] ?? [];
  }
}

const KEYS = [
  'users',
  'index',
  'pending',
  'status',
  'seen',
  'reports',
  'connections',
  'sockets',
] as const;

function changesOf(replies: readonly ChangeReply[], reporter: Owner): PresenceChange[] {
  return replies
    .map(([type, userId, at, status]) => ({
      type,
      userId,
      status: status === '' ? null : status,
      at,
      instanceId: instanceOf(reporter),
    }))
    .toSorted((a, b) => a.at - b.at);
}

function dueResult([state, now, changes, nextAt]: DueReply, owner: Owner): DueResult {
  return {
    state,
    now,
    changes: changesOf(changes, owner),
    nextAt: nextAt === '' ? undefined : Number(nextAt),
  };
}
