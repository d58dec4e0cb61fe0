import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeEnvelope, encodeEnvelope, sizeOf } from '../../../src/wire/envelope.js';
import type { TraceContext } from '../../../src/wire/trace-context.js';
import { SAMPLE_HEADER } from '../../support/envelope-of.js';

const header = { ...SAMPLE_HEADER, except: ['s1'], rooms: ['r', 'ü'] };
const trace: TraceContext = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  flags: 1,
  state: 'vendor=1,other=2',
};
const hex = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .filter((bytes) => bytes.some((byte) => byte !== 0))
    .map((bytes) => Buffer.from(bytes).toString('hex'));
const traces: fc.Arbitrary<TraceContext> = fc.record({
  traceId: hex(16),
  spanId: hex(8),
  flags: fc.nat({ max: 255 }),
  state: fc.string({ unit: 'grapheme-ascii', maxLength: 512 }),
});

describe('the trace context in an envelope', () => {
  it('is decoded as it was encoded, with everything around it', () => {
    fc.assert(
      fc.property(traces, (given) => {
        const { bytes } = encodeEnvelope({ ...header, trace: given }, ['2["a"]']);
        expect(decodeEnvelope(bytes)).toMatchObject({
          trace: given,
          except: ['s1'],
          rooms: ['r', 'ü'],
        });
        expect(bytes.length).toBe(sizeOf({ ...header, trace: given }, ['2["a"]']).total);
      }),
    );
  });

  it('is 27 bytes and the state after the lists, with flag 128', () => {
    const { bytes: plain } = encodeEnvelope(header, ['2["a"]']);
    const { bytes } = encodeEnvelope({ ...header, trace }, ['2["a"]']);
    const start = plain.readUInt32BE(4);
    expect(bytes.length - plain.length).toBe(27 + trace.state.length);
    expect(bytes.readUInt16BE(2) ^ plain.readUInt16BE(2)).toBe(128);
    expect(bytes.toString('hex', start, start + 25)).toBe(`${trace.traceId}${trace.spanId}01`);
    expect(bytes.subarray(bytes.readUInt32BE(4))).toEqual(plain.subarray(start));
  });

  it('takes no byte if there is none', () => {
    const { bytes } = encodeEnvelope(header, ['2["a"]']);
    expect(encodeEnvelope({ ...header, trace: undefined }, ['2["a"]']).bytes).toEqual(bytes);
    expect(bytes.readUInt16BE(2) & 128).toBe(0);
    expect(decodeEnvelope(bytes)).toMatchObject({ trace: undefined });
  });

  it('is skipped by a version that does not know it', () => {
    const { bytes, frames } = encodeEnvelope({ ...header, trace }, ['2["a"]']);
    bytes.writeUInt16BE(bytes.readUInt16BE(2) & ~128, 2);
    expect(decodeEnvelope(bytes)).toMatchObject({ trace: undefined, rooms: ['r', 'ü'], frames });
  });

  it.each([
    ['is longer than 512 bytes', 'x'.repeat(513)],
    ['is not ASCII', 'vendor=ü'],
  ])('is sent without a state that %s', (_, state) => {
    const { bytes } = encodeEnvelope({ ...header, trace: { ...trace, state } }, ['2["a"]']);
    expect(decodeEnvelope(bytes)).toMatchObject({ trace: { ...trace, state: '' } });
  });

  it('is absent if it names no span, or the header ends too early; the event is still read', () => {
    const { bytes } = encodeEnvelope(header, ['2["a"]']);
    const cut = Buffer.from(bytes);
    cut.writeUInt16BE(cut.readUInt16BE(2) | 128, 2);
    expect(decodeEnvelope(cut)).toMatchObject({ trace: undefined, sequence: 7 });
    const none = { ...trace, traceId: '0'.repeat(32) };
    const { bytes: zeros } = encodeEnvelope({ ...header, trace: none }, ['2["a"]']);
    expect(decodeEnvelope(zeros)).toMatchObject({ trace: undefined, sequence: 7 });
  });

  it('may be anything without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
        const { bytes, frames } = encodeEnvelope(header, ['2["a"]']);
        const start = bytes.readUInt32BE(4);
        const noisy = Buffer.concat([bytes.subarray(0, start), noise, frames]);
        noisy.writeUInt16BE(noisy.readUInt16BE(2) | 128, 2);
        noisy.writeUInt32BE(start + noise.length, 4);
        expect(decodeEnvelope(noisy)).toMatchObject({ sequence: 7, rooms: ['r', 'ü'] });
      }),
    );
  });
});
