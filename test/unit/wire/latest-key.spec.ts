import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  decodeEnvelope,
  encodeEnvelope,
  sizeOf,
  type Envelope,
} from '../../../src/wire/envelope.js';
import { latestKeyOf } from '../../../src/wire/latest-key.js';
import { signEnvelope, verifiedTag } from '../../../src/wire/signature.js';
import { SAMPLE_HEADER } from '../../support/envelope-of.js';

const FLAG = 512;
const PARTS = ['2["price",1]'];
const header = { ...SAMPLE_HEADER, except: ['s1'], rooms: ['r', 'ü'] };
const trace = {
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: '00f067aa0ba902b7',
  flags: 1,
  state: 'vendor=1',
};
const decoded = (bytes: Buffer): Envelope => decodeEnvelope(bytes) as Envelope;

const keyOf = (length: number): string | undefined =>
  decoded(encodeEnvelope({ ...header, latestOnly: 'k'.repeat(length) }, PARTS).bytes).latestOnly;

describe('the key of an event of which only the latest counts', () => {
  it('is decoded as it was encoded, with everything around it', () => {
    const keys = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 100 });
    const given = fc.record({
      version: fc.constantFrom(1 as const, 2 as const),
      latestOnly: keys,
      trace: fc.constantFrom(undefined, trace, { ...trace, state: '' }),
      signed: fc.boolean(),
      except: fc.constantFrom([], ['s1']),
    });
    fc.assert(
      fc.property(given, (fields) => {
        const { bytes } = encodeEnvelope({ ...header, ...fields }, PARTS);
        const { latestOnly, except } = fields;
        expect(decoded(bytes)).toMatchObject({ latestOnly, except, rooms: ['r', 'ü'] });
        expect(decoded(bytes).trace).toEqual(fields.trace);
        expect(bytes.length).toBe(sizeOf({ ...header, ...fields }, PARTS).total);
      }),
    );
  });

  it('follows the trace context, where a version that does not know flag 512 skips it', () => {
    const { bytes: plain } = encodeEnvelope({ ...header, trace }, PARTS);
    const { bytes } = encodeEnvelope({ ...header, trace, latestOnly: '5:priceX' }, PARTS);
    const start = plain.readUInt32BE(4);
    expect(bytes.length - plain.length).toBe(2 + 8);
    expect(bytes.readUInt16BE(2) ^ plain.readUInt16BE(2)).toBe(FLAG);
    expect(bytes.toString('latin1', start, start + 10)).toBe('\0\u00085:priceX');

    bytes.writeUInt16BE(bytes.readUInt16BE(2) & ~FLAG, 2);
    expect(decoded(bytes)).toEqual(decoded(plain));
  });

  it('is signed', () => {
    const key = createSecretKey(Buffer.from('a secret of some length'));
    const { bytes } = encodeEnvelope(
      { ...header, sentAt: Date.now(), latestOnly: '5:priceX', signed: true },
      PARTS,
    );
    signEnvelope(bytes, 'channel', key);
    expect(verifiedTag(bytes, 'channel', [key])).toBeInstanceOf(Buffer);
    const at = bytes.indexOf('5:priceX');
    bytes[at + 7] = 'Y'.charCodeAt(0);
    expect(verifiedTag(bytes, 'channel', [key])).toBe('forged');
  });

  it.each<[what: string, change: (bytes: Buffer, start: number) => void]>([
    ['has no bytes', (bytes, start) => bytes.writeUInt16BE(0, start)],
    ['does not fit into the header', (bytes, start) => bytes.writeUInt16BE(9, start)],
    ['has the largest length', (bytes, start) => bytes.writeUInt16BE(65_535, start)],
  ])('that %s counts as none, and the event is still delivered', (_, change) => {
    const { bytes: plain } = encodeEnvelope(header, PARTS);
    const { bytes } = encodeEnvelope({ ...header, latestOnly: '5:priceX' }, PARTS);
    change(bytes, plain.readUInt32BE(4));
    expect(decoded(bytes)).toEqual({ ...decoded(plain), latestOnly: undefined });
  });

  it('behind a trace context that does not fit counts as none', () => {
    const { bytes } = encodeEnvelope({ ...header, trace, latestOnly: '5:priceX' }, PARTS);
    const { bytes: plain } = encodeEnvelope(header, PARTS);
    bytes.writeUInt16BE(65_535, plain.readUInt32BE(4) + 25);
    expect(decoded(bytes)).toEqual({ ...decoded(plain), trace: undefined, latestOnly: undefined });
  });

  it('longer than any instance writes counts as none: it would take memory for each slow client', () => {
    const longest = latestKeyOf('e'.repeat(1_024), 'k'.repeat(256));
    expect(keyOf(longest.length)).toHaveLength(longest.length);
    expect(keyOf(1_536)).toHaveLength(1_536);
    expect(keyOf(1_537)).toBeUndefined();
    expect(keyOf(60_000)).toBeUndefined();
  });

  it('in front of the signature never reads into it', () => {
    const { bytes } = encodeEnvelope({ ...header, latestOnly: '5:priceX', signed: true }, PARTS);
    const start = encodeEnvelope(header, PARTS).bytes.readUInt32BE(4);
    bytes.writeUInt16BE(9, start);
    expect(decoded(bytes).latestOnly).toBeUndefined();
  });

  it('is another one for each pair of event and key', () => {
    const text = fc.string({ unit: fc.constantFrom('1', ':', 'a'), maxLength: 6 });
    fc.assert(
      fc.property(text, text, text, text, (event, key, other, otherKey) => {
        const isSame = event === other && key === otherKey;
        expect(latestKeyOf(event, key) === latestKeyOf(other, otherKey)).toBe(isSame);
      }),
      { numRuns: 1_000 },
    );
  });
});
