import type { ResolvedOptions } from '../options/resolve-options.js';
import type {
  InstanceRecord,
  InstanceRecords,
  KnownRecords,
  ReadRecords,
  RecordsToRead,
} from './records/instance-records.js';

const NOTHING: KnownRecords = { version: 0, changesVersion: 0, data: '' };
/** All instances read all changed texts: where there are many, less often. */
const READ_MS_PER_MEMBER = 20;

interface BeatAnswer extends ReadRecords {
  /** Returns true if a record was written since the previous read; for an unchanged record, since the previous read of unchanged records. */
  isNew(record: InstanceRecord): boolean;
}

/** The beats of this instance at the records: up to where it has read them, and for how long that has worked. @internal */
export class RecordBeats {
  private last = NOTHING;
  /** The version of the last read of unchanged records, which other reads pass over. */
  private writesVersion = 0;
  private readsAll = false;
  /** Monotonic times (`performance.now()`). */
  private changesReadAt = -Infinity;
  private beatAt = -Infinity;
  private steady = Infinity;

  constructor(
    private readonly records: InstanceRecords,
    private readonly options: Pick<ResolvedOptions, 'heartbeatIntervalMs' | 'memberTimeoutMs'>,
  ) {}

  /** Up to where the records were read. */
  get known(): KnownRecords {
    return this.last;
  }

  /** Since when records could be written and read without a break, in monotonic time. */
  get steadySince(): number {
    return this.steady;
  }

  /** The records, or this instance, may have been away. */
  interrupted(): void {
    this.steady = Infinity;
  }

  /** The next beat reads all records, and not only those that have changed. */
  readAll(): void {
    this.readsAll = true;
  }

  /**
   * @param unchanged whether to read unchanged records as well
   * @param members the number of the other instances
   */
  async beat(text: string, unchanged: boolean, members: number): Promise<BeatAnswer> {
    const { heartbeatIntervalMs, memberTimeoutMs } = this.options;
    const { last, readsAll } = this;
    const sentAt = performance.now();
    const read = unchanged ? 'writes' : this.toRead(sentAt, members);
    const since = unchanged ? this.writesVersion : last.version;
    if (sentAt - this.beatAt > 2 * heartbeatIntervalMs) this.interrupted();
    const answer = await this.records.beat({
      text,
      known: { ...last, version: since, data: readsAll ? '' : last.data },
      mayGiveUp: sentAt - this.steady >= memberTimeoutMs,
      read,
    });
    const { version, changesVersion, data, isComplete } = answer;
    if (isComplete) this.readsAll = false;
    if (isComplete || unchanged) this.writesVersion = version;
    this.last = { version, changesVersion, data };
    this.beatAt = performance.now();
    if (this.steady === Infinity) this.steady = this.beatAt;
    if (isComplete || changesVersion > last.changesVersion) this.changesReadAt = sentAt;
    const isOther = data !== last.data;
    return { ...answer, isNew: (record) => isOther || record.version > since };
  }

  private toRead(now: number, members: number): RecordsToRead {
    return now - this.changesReadAt >= members * READ_MS_PER_MEMBER ? 'changes' : 'states';
  }
}
