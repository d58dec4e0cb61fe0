import type { InstanceId } from '../../wire/envelope.js';
import type {
  InstanceRecord,
  InstanceRecords,
  ReadRecords,
  RecordBeat,
  RecordLimits,
  RecordState,
} from './instance-records.js';

interface Row {
  state: RecordState;
  text: string;
  /** Of the last write, and of the last change. */
  written: number;
  changed: number;
  /** Monotonic time (`performance.now()`) of the last write, or of its end. */
  at: number;
}

/** The records of the instances of one process. @internal */
export class RecordTable {
  readonly rows = new Map<InstanceId, Row>();
  version = 0;
}

/** @internal */
export class InMemoryRecords implements InstanceRecords {
  constructor(
    private readonly table: RecordTable,
    private readonly instanceId: InstanceId,
    private readonly limits: RecordLimits,
  ) {}

  async beat({ text, known, mayGiveUp, unchanged }: RecordBeat): Promise<ReadRecords> {
    const { rows } = this.table;
    this.write('alive', text);
    const now = performance.now();
    for (const [id, row] of rows) {
      if (row.state === 'alive' && mayGiveUp && row.at < now - this.limits.memberTimeoutMs) {
        Object.assign(row, { state: 'lost', changed: ++this.table.version, at: now });
      } else if (row.state !== 'alive' && row.at < now - this.limits.keptMs) rows.delete(id);
    }
    const isComplete = known.data === '';
    const since = isComplete ? 0 : known.version;
    const records: InstanceRecord[] = [];
    for (const [instanceId, row] of rows) {
      if (instanceId === this.instanceId) continue;
      if (row.changed <= since && !(unchanged && row.written > since)) continue;
      records.push({ instanceId, state: row.state, version: row.written, text: row.text });
    }
    return { version: this.table.version, data: 'memory', isComplete, records };
  }

  async end(text: string): Promise<void> {
    this.write('ended', text);
  }

  private write(state: RecordState, text: string): void {
    const { rows } = this.table;
    const version = ++this.table.version;
    const before = rows.get(this.instanceId);
    const isSame = before?.state === state && before.text === text;
    rows.set(this.instanceId, {
      state,
      text,
      written: version,
      changed: isSame ? before.changed : version,
      at: performance.now(),
    });
  }
}
