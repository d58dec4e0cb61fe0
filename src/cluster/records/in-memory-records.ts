import { PropagatorError } from '../../errors.js';
import type { InstanceId } from '../../wire/envelope.js';
import {
  LONGEST_PAUSE,
  type InstanceRecord,
  type InstanceRecords,
  type KnownRecords,
  type ReadRecords,
  type RecordBeat,
  type RecordLimits,
  type RecordState,
} from './instance-records.js';

interface Row {
  state: RecordState;
  text: string;
  /** The versions of the last write, of the last change, and of the last change of the state. */
  written: number;
  changed: number;
  turned: number;
  /** Monotonic time (`performance.now()`) of the last write, or of its end. */
  at: number;
}

/** The records of the instances of one process. @internal */
export class RecordTable {
  readonly rows = new Map<InstanceId, Row>();
  version = 0;
  /** Up to this version records are gone that a reader may not have seen. */
  purged = 0;
  /** Monotonic times (`performance.now()`): of the last beat of all, and since when there was no long pause. */
  beatAt = -Infinity;
  steadySince = -Infinity;
}

/** @internal */
export class InMemoryRecords implements InstanceRecords {
  constructor(
    private readonly table: RecordTable,
    private readonly instanceId: InstanceId,
    private readonly limits: RecordLimits,
    /** Whether the transport takes anything: the records are where it goes to. */
    private readonly isOpen: () => boolean = () => true,
  ) {}

  async beat({ text, known, mayGiveUp, read }: RecordBeat): Promise<ReadRecords> {
    this.checkOpen();
    const { table, limits } = this;
    const { rows } = table;
    const now = performance.now();
    const { memberTimeoutMs } = limits;
    if (now - table.beatAt > memberTimeoutMs * LONGEST_PAUSE) table.steadySince = now;
    table.beatAt = now;
    const wasAlive = rows.get(this.instanceId)?.state === 'alive';
    this.write('alive', text);
    const mayLose = mayGiveUp && now - table.steadySince >= memberTimeoutMs;
    for (const [id, row] of rows) {
      if (row.state === 'alive' && mayLose && row.at < now - memberTimeoutMs) {
        const version = ++table.version;
        Object.assign(row, { state: 'lost', changed: version, turned: version, at: now });
      } else if (row.state !== 'alive' && row.at < now - limits.keptMs) {
        table.purged = Math.max(table.purged, row.turned);
        rows.delete(id);
      }
    }
    const { version } = table;
    const isComplete = known.data === '' || known.version < table.purged;
    const records: InstanceRecord[] = [];
    for (const [instanceId, row] of rows) {
      if (instanceId === this.instanceId) continue;
      const isRead =
        isComplete ||
        row.turned > known.version ||
        (read !== 'states' && row.changed > known.changesVersion) ||
        (read === 'writes' && row.written > known.version);
      if (!isRead) continue;
      records.push({ instanceId, state: row.state, version: row.written, text: row.text });
    }
    const changesVersion = isComplete || read !== 'states' ? version : known.changesVersion;
    return { version, changesVersion, data: 'memory', isComplete, wasAlive, records };
  }

  async end(text: string): Promise<Pick<KnownRecords, 'version' | 'data'>> {
    this.checkOpen();
    this.write('ended', text);
    return { version: this.table.version, data: 'memory' };
  }

  close(): void {}

  private checkOpen(): void {
    if (this.isOpen()) return;
    throw PropagatorError.of('redis.unavailable', ['the transport is not open']);
  }

  private write(state: RecordState, text: string): void {
    const { rows } = this.table;
    const version = ++this.table.version;
    const before = rows.get(this.instanceId);
    const isSameState = before?.state === state;
    const isSame = isSameState && before.text === text;
    rows.set(this.instanceId, {
      state,
      text,
      written: version,
      changed: isSame ? before.changed : version,
      turned: isSameState ? before.turned : version,
      at: performance.now(),
    });
  }
}
