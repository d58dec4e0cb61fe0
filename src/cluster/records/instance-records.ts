import type { InstanceId } from '../../wire/envelope.js';

/**
 * - `alive`: it renews its record
 * - `ended`: it wrote its last record when it ended
 * - `lost`: it did not renew its record in time, and may come back
 *
 * @internal
 */
export type RecordState = 'alive' | 'ended' | 'lost';

/** What an instance says of itself. @internal */
export interface InstanceRecord {
  readonly instanceId: InstanceId;
  readonly state: RecordState;
  /** The version of the store when the record was written last, changed or not. */
  readonly version: number;
  /** Undefined: it is longer than any record, or all of them together are, and was not read. */
  readonly text: string | undefined;
}

/** What is known of the store. @internal */
export interface KnownRecords {
  /** The version of the last read. */
  readonly version: number;
  /** The version of the last read of all changed records. */
  readonly changesVersion: number;
  /** The data that the versions are about: the store may lose it and begin again. Empty: none. */
  readonly data: string;
}

/**
 * - `states`: the records whose state has changed: instances that have come, ended, or are lost
 * - `changes`: those, and the records whose text has changed
 * - `writes`: those, and the records that were written again without a change: each says what had been published by then
 *
 * @internal
 */
export type RecordsToRead = 'states' | 'changes' | 'writes';

/** @internal */
export interface RecordBeat {
  /** What this instance says of itself. */
  readonly text: string;
  readonly known: KnownRecords;
  /**
   * Whether instances that have been silent for too long may be given up. Only if the store has served this instance for
   * that long without a break: after an outage of the store all are silent, and none is lost.
   */
  readonly mayGiveUp: boolean;
  readonly read: RecordsToRead;
}

/** @internal */
export interface ReadRecords extends KnownRecords {
  /** Whether `records` are all there are: those of other instances are gone. */
  readonly isComplete: boolean;
  /** Whether the record of this instance was there and alive before: the others know it. */
  readonly wasAlive: boolean;
  /** Those of the other instances, as asked for. */
  readonly records: readonly InstanceRecord[];
}

/** @internal */
export interface RecordLimits {
  /** An instance that is silent for longer is lost. */
  readonly memberTimeoutMs: number;
  /** The records of those that have ended or are lost stay for so long. */
  readonly keptMs: number;
  /** The time for which few such records stay: an instance that was cut off learns of instances that it never knew. */
  readonly fewKeptMs?: number;
}

/** The most records that one call reads. More than there are instances. @internal */
export const MAX_RECORDS = 8_192;

/** Longer than any record, in bytes: it may have 1,024 lanes. @internal */
export const MAX_RECORD_BYTES = 512 * 1024;

/** The most bytes of records that one call reads: 8 KiB for each of the most instances. @internal */
export const MAX_READ_BYTES = 32 * 1024 * 1024;

/**
 * The longest pause between the beats of all instances, as a part of `memberTimeoutMs`. A longer one is a break of the store, a
 * machine that was suspended, or a clock that was set: nobody is given up until all have had the time to be heard again.
 *
 * @internal
 */
export const LONGEST_PAUSE = 0.75;

/**
 * The records of all instances, in a place where each writes its own and reads what has changed: one call for a beat,
 * however many instances there are.
 *
 * @internal
 */
export interface InstanceRecords {
  /** Writes the record of this instance, and reads those of the others. */
  beat(beat: RecordBeat): Promise<ReadRecords>;
  /** Writes the last record of this instance. Resolves to the version and the data of the store. */
  end(text: string): Promise<Pick<KnownRecords, 'version' | 'data'>>;
  close(): void;
}
