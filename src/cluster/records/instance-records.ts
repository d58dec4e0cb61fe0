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
  readonly text: string;
}

/** What is known of the store. @internal */
export interface KnownRecords {
  readonly version: number;
  /** The data that the version is about: the store may lose it and begin again. Empty: none. */
  readonly data: string;
}

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
  /** Also the records that were written since and have not changed: each says what had been published by then. */
  readonly unchanged: boolean;
}

/** @internal */
export interface ReadRecords extends KnownRecords {
  /** Whether `records` are all there are: those of other instances are gone. */
  readonly isComplete: boolean;
  /** Those of the other instances that have changed since the known version. */
  readonly records: readonly InstanceRecord[];
}

/** @internal */
export interface RecordLimits {
  /** An instance that is silent for longer is lost. */
  readonly memberTimeoutMs: number;
  /** The records of those that have ended or are lost stay for so long. */
  readonly keptMs: number;
}

/**
 * The records of all instances, in a place where each writes its own and reads what has changed: one call for a beat,
 * however many instances there are.
 *
 * @internal
 */
export interface InstanceRecords {
  /** Writes the record of this instance, and reads those of the others. */
  beat(beat: RecordBeat): Promise<ReadRecords>;
  /** Writes the last record of this instance. */
  end(text: string): Promise<void>;
}
