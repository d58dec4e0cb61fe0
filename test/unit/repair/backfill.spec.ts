import { beforeEach, describe, expect, it } from '@jest/globals';
import type { EventGap } from '../../../src/cluster/event-gap.js';
import { Backfill } from '../../../src/repair/backfill.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { ReceivedLog } from '../../../src/routing/received-log.js';
import { decodeEnvelope, encodeEnvelope, markRepeated } from '../../../src/wire/envelope.js';
import { fnv1a } from '../../../src/wire/fnv.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const ORIGIN = Buffer.from('abcdefgh').toString('hex');
const [A, B] = ['app:/:user:a', 'app:/:user:b'];

const arrival = (sequence: number, channel = A, bytes = Buffer.alloc(1)) => ({
  channel,
  sequence,
  bytes,
});
const reply = (...sequences: number[]) => ({
  envelopes: sequences.map((sequence) => ({ ageMs: 1_000, arrival: arrival(sequence) })),
  forgotten: undefined,
});

function repeated(sequence: number, sentAt = Date.now()) {
  const flags = { volatile: false, compress: true, customParser: false };
  const header = { origin: Buffer.from('abcdefgh'), sequence, sentAt, except: [], rooms: [] };
  const { bytes } = encodeEnvelope({ ...header, ...flags }, ['2["x"]']);
  markRepeated(bytes);
  const envelope = decodeEnvelope(bytes);
  if (typeof envelope === 'string') throw new Error(envelope);
  return envelope;
}

describe('the backfill', () => {
  let log: ReceivedLog;
  let reporter: Reporter;
  let backfill: Backfill;
  let delivered: number[];
  let gaps: EventGap[];

  function given(receivedLog = new ReceivedLog()): void {
    log = receivedLog;
    delivered = [];
    gaps = [];
    reporter = new Reporter(new MemoryLogger());
    const cluster = { reportGap: (gap: EventGap) => gaps.push(gap) };
    const deliver = ({ sequence }: { sequence: number }) => delivered.push(sequence);
    backfill = new Backfill({ cluster, reporter, log, deliver });
  }

  /** A log that forgets all but the last few events, and has done so. */
  function givenShortLog(): void {
    given(new ReceivedLog({ entriesPerChunk: 1, chunks: 1 }));
    for (const sequence of [98, 99, 100]) log.add(ORIGIN, sequence, fnv1a(B));
  }

  beforeEach(() => given());

  it('delivers missed events, then held ones by sequence, each once', () => {
    for (const sequence of [5, 4, 3]) backfill.hold(ORIGIN, arrival(sequence));
    expect(backfill.bytes).toBe(3);
    backfill.deliver(ORIGIN, reply(1, 2, 3), 0);
    expect(delivered).toEqual([1, 2, 3]);
    backfill.release(ORIGIN);
    expect(delivered).toEqual([1, 2, 3, 4, 5]);
    expect(backfill.bytes).toBe(0);
    expect(gaps).toEqual([]);
  });

  it('keeps events of channels of which more is missing', () => {
    backfill.hold(ORIGIN, arrival(1, A));
    backfill.hold(ORIGIN, arrival(2, B));
    backfill.releaseAll(new Set([A]));
    expect(delivered).toEqual([2]);
    backfill.releaseAll();
    expect(delivered).toEqual([2, 1]);
  });

  it('delivers held events early if they take too much memory, and reports that', () => {
    backfill.hold(ORIGIN, arrival(1));
    backfill.hold(ORIGIN, arrival(2, A, Buffer.alloc(32 * 1024 * 1024)));
    expect(delivered).toEqual([1, 2]);
    expect(backfill.bytes).toBe(0);
    expect(reporter.counts()).toEqual({ 'repair.overflow': 1 });
  });

  it('reports events that the other instance no longer has, unless they were received', () => {
    backfill.deliver(ORIGIN, { ...reply(8), forgotten: 7 }, 4);
    backfill.deliver(ORIGIN, { ...reply(9), forgotten: 7 }, 7);
    expect(delivered).toEqual([8, 9]);
    expect(gaps).toEqual([{ instanceId: ORIGIN, from: 5, to: 7, reason: 'forgotten' }]);
  });

  it('reports missed events that it cannot tell from duplicates, instead of delivering them', () => {
    givenShortLog();
    backfill.deliver(ORIGIN, reply(97, 98), 0);
    expect(delivered).toEqual([]);
    expect(gaps).toEqual([{ instanceId: ORIGIN, from: 97, to: 98, reason: 'forgotten' }]);
  });

  it('drops a repeated event that was received, and lets a new one pass', () => {
    log.add(ORIGIN, 1, fnv1a(A));
    expect(backfill.isDuplicate(repeated(1), A)).toBe(true);
    expect(backfill.isDuplicate(repeated(1), B)).toBe(false);
    expect(backfill.isDuplicate(repeated(2), A)).toBe(false);
    expect(reporter.counts()).toEqual({ 'event.repeated': 1 });
  });

  it('reports possible duplicates of one tick as one gap', async () => {
    givenShortLog();
    const long = Date.now() - 60_000;
    for (const sequence of [3, 5, 4])
      expect(backfill.isDuplicate(repeated(sequence, long), A)).toBe(true);
    expect(gaps).toEqual([]);
    await until(
      () => gaps.length > 0,
      () => 'the gap',
    );
    expect(gaps).toEqual([{ instanceId: ORIGIN, from: 3, to: 5, reason: 'forgotten' }]);
  });
});
