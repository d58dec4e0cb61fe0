import type { Reporter } from '../reporting/reporter.js';
import { memberIn, type MemberDetails } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import type { InstanceRecord, ReadRecords, RecordState } from './records/instance-records.js';
import type { RecordCodec } from './record-codec.js';
import type { InstanceDescription } from './records/record-text.js';

/** An instance of the app, as it last described itself. */
export interface ClusterMember extends MemberDetails {
  /** A new id at each start; 16 hexadecimal digits. */
  readonly instanceId: InstanceId;
}

export interface ClusterChange {
  /**
   * `left`: it announced its end (a shutdown). `lost`: it was silent for `memberTimeoutMs` (a crash, a freeze, a
   * network failure).
   */
  readonly type: 'joined' | 'left' | 'lost';
  readonly member: ClusterMember;
}

/** An instance as its record, or a heartbeat that carries the record, describes it. @internal */
export interface KnownInstance {
  readonly instanceId: InstanceId;
  readonly state: RecordState;
  /** The number of the read in which the record was first seen as it is: it was written after every earlier read. */
  readonly version: number;
  readonly description: InstanceDescription;
}

/** More instances than any app has: further ones are forged. @internal */
export const MAX_MEMBERS = 4_096;
/** Each member may have so many lanes: more than the masters of most Clusters. */
const LANES_EACH = 16;
/** The further lanes of all members: 112 masters of a Cluster for each of 1,000 instances. */
const MAX_FURTHER_LANES = 112_000;

interface Entry {
  readonly instanceId: InstanceId;
  description: InstanceDescription;
  version: number;
  /** Otherwise it is known by its heartbeats only: another version, or Redis does not take its record. */
  hasRecord: boolean;
  /** Whether heartbeats of the instance carry a record. */
  hasText: boolean;
  /** True if the description lists the lanes on which the instance has published. */
  hasLanes: boolean;
  /** Monotonic time (`performance.now()`): of its last heartbeat, or since when its record is missing. */
  silentSince: number | undefined;
}

/** The changes of a read, or of a heartbeat. @internal */
export interface MembersUpdate {
  readonly instances: readonly KnownInstance[];
  readonly changes: readonly ClusterChange[];
}

/** The other instances that are alive. @internal */
export class Members {
  private readonly entries = new Map<InstanceId, Entry>();
  /** The lanes of all members, without the first of each. */
  private furtherLanes = 0;

  constructor(
    private readonly reporter: Reporter,
    private readonly codec: Pick<RecordCodec, 'decode'>,
  ) {}

  get size(): number {
    return this.entries.size;
  }

  /** Whether an instance is known that has no record: it does not read the records either. */
  get hasUnrecorded(): boolean {
    for (const { hasRecord } of this.entries.values()) if (!hasRecord) return true;
    return false;
  }

  has(instanceId: InstanceId): boolean {
    return this.entries.has(instanceId);
  }

  /** The instances of which nobody knows what they have published: those of version 0.1, and those with too many lanes. */
  withoutLanes(): InstanceId[] {
    const all = [...this.entries.values()];
    return all.flatMap(({ hasLanes, instanceId }) => (hasLanes ? [] : [instanceId]));
  }

  all(): ClusterMember[] {
    return [...this.entries.values()].map(memberOf);
  }

  /** Whether all of them read a version of the envelope. */
  read(version: number): boolean {
    for (const { description } of this.entries.values()) {
      if (!description.reads.includes(version)) return false;
    }
    return true;
  }

  /**
   * @param version the number of this read
   * @param isNew whether a record was written since the last read
   */
  recordsRead(
    { records, isComplete }: Pick<ReadRecords, 'records' | 'isComplete'>,
    version: number,
    isNew: (record: InstanceRecord) => boolean,
  ): MembersUpdate {
    const instances: KnownInstance[] = [];
    const changes: ClusterChange[] = [];
    const present = new Set<InstanceId>();
    for (const record of records) {
      const { instanceId, state } = record;
      present.add(instanceId);
      const description = this.codec.decode(instanceId, record.text);
      if (description === undefined) continue;
      const entry = this.entries.get(instanceId);
      // Its heartbeats are younger than the record that it cannot renew.
      if (state === 'lost' && entry?.hasRecord === false) continue;
      const seen = isNew(record) ? version : (entry?.version ?? 0);
      const given = { instanceId, description, version: seen };
      if (state !== 'alive') {
        this.remove(instanceId, state === 'ended' ? 'left' : 'lost', changes);
        instances.push({ ...given, state });
        continue;
      }
      const put = this.put(entry, { ...given, isRecord: true }, changes);
      if (put !== undefined) instances.push({ ...given, state, description: put });
    }
    if (isComplete) this.missing(present);
    return { instances, changes };
  }

  /** A heartbeat came in, with a record or without. Undefined: there are too many instances, or it is malformed. */
  heard(
    instanceId: InstanceId,
    heartbeat: { member: MemberDetails; text: string | undefined },
    version: number,
  ): MembersUpdate | undefined {
    const description = this.describedBy(instanceId, heartbeat);
    if (description === undefined) return undefined;
    const changes: ClusterChange[] = [];
    const entry = this.entries.get(instanceId);
    const { text } = heartbeat;
    const given = {
      instanceId,
      description,
      version,
      isRecord: false,
      hasText: text !== undefined,
    };
    const put = this.put(entry, given, changes);
    if (put === undefined) return undefined;
    const known: KnownInstance = { instanceId, state: 'alive', version, description: put };
    return { instances: text === undefined ? [] : [known], changes };
  }

  /** An instance without a record said that it ends. */
  said(
    instanceId: InstanceId,
    bye: { member: MemberDetails; text: string | undefined },
    version: number,
  ): MembersUpdate {
    const changes: ClusterChange[] = [];
    const entry = this.entries.get(instanceId);
    const description = this.describedBy(instanceId, bye);
    // Where it has a record, that one says how it ended.
    if (description === undefined || entry === undefined || entry.hasRecord)
      return { instances: [], changes };
    this.remove(instanceId, 'left', changes, description);
    const known: KnownInstance = { instanceId, state: 'ended', version, description };
    return { instances: bye.text === undefined ? [] : [known], changes };
  }

  /** Records are read no more: from now on heartbeats say who is alive. */
  loseRecords(): void {
    const now = performance.now();
    for (const entry of this.entries.values()) {
      if (entry.hasRecord) Object.assign(entry, { hasRecord: false, silentSince: now });
    }
  }

  /** This process stood still, and could not hear any heartbeat. */
  excuse(ms: number): void {
    for (const entry of this.entries.values()) {
      if (entry.silentSince !== undefined) entry.silentSince += ms;
    }
  }

  /**
   * Gives up the instances that were silent for too long.
   *
   * @param steadySince since when records could be read without a break
   */
  expire(memberTimeoutMs: number, steadySince: number, version: number): MembersUpdate {
    const until = performance.now() - memberTimeoutMs;
    const instances: KnownInstance[] = [];
    const changes: ClusterChange[] = [];
    for (const {
      instanceId,
      silentSince,
      hasRecord,
      hasText,
      description,
    } of this.entries.values()) {
      if (silentSince === undefined || silentSince > until) continue;
      if (hasRecord && steadySince > until) continue;
      this.remove(instanceId, 'lost', changes);
      if (hasText) instances.push({ instanceId, state: 'lost', version, description });
    }
    return { instances, changes };
  }

  clear(): void {
    this.entries.clear();
    this.furtherLanes = 0;
  }

  /** Returns the description that is kept. Undefined: there are too many instances. */
  private put(
    entry: Entry | undefined,
    given: Pick<Entry, 'instanceId' | 'description' | 'version'> & {
      isRecord: boolean;
      hasText?: boolean;
    },
    changes: ClusterChange[],
  ): InstanceDescription | undefined {
    const { instanceId, version, isRecord, hasText = true } = given;
    if (entry === undefined && this.entries.size >= MAX_MEMBERS) {
      this.reporter.report('member.too-many', () => `instance ${instanceId} is not counted`);
      return undefined;
    }
    const silentSince = isRecord ? undefined : performance.now();
    const description = this.within(entry, given);
    const hasLanes = hasText && description === given.description;
    const state = { description, version, hasRecord: isRecord, hasText, hasLanes, silentSince };
    if (entry !== undefined) {
      Object.assign(entry, state);
      return description;
    }
    const added: Entry = { instanceId, ...state };
    this.entries.set(instanceId, added);
    changes.push({ type: 'joined', member: memberOf(added) });
    return description;
  }

  /** The description of a member, without lanes if those of all members are too many. */
  private within(
    entry: Entry | undefined,
    { instanceId, description }: Pick<Entry, 'instanceId' | 'description'>,
  ): InstanceDescription {
    if (entry !== undefined) this.furtherLanes -= furtherLanesOf(entry);
    const further = furtherLanesOf({ description });
    if (this.furtherLanes + further <= MAX_FURTHER_LANES) {
      this.furtherLanes += further;
      return description;
    }
    this.reporter.report(
      'record.too-large',
      () =>
        `of instance ${instanceId}: all members together have too many lanes, and each outage is a gap of its events`,
    );
    return { ...description, lanes: [] };
  }

  private remove(
    instanceId: InstanceId,
    type: 'left' | 'lost',
    changes: ClusterChange[],
    last?: InstanceDescription,
  ): void {
    const entry = this.entries.get(instanceId);
    if (entry === undefined) return;
    this.entries.delete(instanceId);
    this.furtherLanes -= furtherLanesOf(entry);
    changes.push({ type, member: memberOf({ ...entry, ...(last && { description: last }) }) });
  }

  /** All records were read: the store has lost those of the other instances, or has only just got them back. */
  private missing(present: ReadonlySet<InstanceId>): void {
    const now = performance.now();
    for (const entry of this.entries.values()) {
      if (entry.hasRecord && !present.has(entry.instanceId)) entry.silentSince ??= now;
    }
  }

  private describedBy(
    instanceId: InstanceId,
    { member, text }: { member: MemberDetails; text: string | undefined },
  ): InstanceDescription | undefined {
    // Version 0.1 sends no record, and reads version 1 of the envelope.
    if (text === undefined) return { ...member, reads: [1], sequence: 0, lanes: [] };
    return this.codec.decode(instanceId, text);
  }
}

function furtherLanesOf({ description: { lanes } }: Pick<Entry, 'description'>): number {
  return Math.max(0, lanes.length - LANES_EACH);
}

function memberOf({ instanceId, description }: Entry): ClusterMember {
  return { instanceId, ...memberIn(description) };
}
