import { describe, expect, it } from '@jest/globals';
import { RecordBeats } from '../../../src/cluster/record-beats.js';
import { InMemoryRecords, RecordTable } from '../../../src/cluster/records/in-memory-records.js';

const TIMES = { heartbeatIntervalMs: 2_000, memberTimeoutMs: 10_000 };

describe('beats at the records', () => {
  it('read each write of an unchanged record once, also where a beat in between has passed over it', async () => {
    const table = new RecordTable();
    const [reader, writer] = ['r', 'w'].map((id) => {
      const records = new InMemoryRecords(table, id, { ...TIMES, keptMs: 60_000 });
      return new RecordBeats(records, TIMES);
    }) as [RecordBeats, RecordBeats];
    const write = () => writer.beat('text', false, 1);
    const read = async (unchanged: boolean) => {
      const { records, isNew } = await reader.beat('text', unchanged, 1);
      return records.map((record) => [record.instanceId, isNew(record)]);
    };
    await write();
    expect(await read(false)).toEqual([['w', true]]);
    await write();
    expect(await read(false)).toEqual([]);
    expect(await read(true)).toEqual([['w', true]]);
    expect(await read(true)).toEqual([]);
    expect(await read(false)).toEqual([]);
  });
});
