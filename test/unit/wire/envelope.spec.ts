import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  decodeEnvelope,
  encodeEnvelope,
  sizeOf,
  isEncodableList,
  isFrom,
  stampEnvelope,
  type Envelope,
  type EnvelopeHeader,
} from '../../../src/wire/envelope.js';
import { SAMPLE_HEADER as header } from '../../support/envelope-of.js';
import { framesOf } from '../../support/frames-of.js';

const names = fc.array(fc.string({ unit: 'binary', maxLength: 40 }), { maxLength: 6 });
const headers: fc.Arbitrary<EnvelopeHeader> = fc.record({
  version: fc.constantFrom(1 as const, 2 as const),
  origin: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  sequence: fc.maxSafeNat().map((number) => number % 2 ** 48),
  sentAt: fc.maxSafeNat().map((number) => number % 2 ** 48),
  volatile: fc.boolean(),
  compress: fc.boolean(),
  except: names,
  rooms: names,
  customParser: fc.boolean(),
});
const parts = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
  { minLength: 1, maxLength: 4 },
);
const faults = [
  'message.malformed',
  'message.unknown-version',
  'message.unknown-kind',
  'message.not-understood',
];

describe('an envelope', () => {
  it('has the layout of docs/protocol.md', () => {
    const { bytes, frames } = encodeEnvelope(
      { ...header, volatile: true, compress: false, except: ['s1'], rooms: ['r', 'ü'] },
      ['2["a"]'],
    );
    expect(bytes.toString('hex').match(/../g)?.join(' ')).toBe(
      [
        '01 00 00 0f', // version, kind, flags
        '00 00 00 2b', // 43 bytes of header
        '01 8b cf e5 68 00', // sent at
        '00 00 00 00 00 07', // sequence number
        '01 23 45 67 89 ab cd ef', // origin
        '00 01 00 02 73 31', // except: s1
        '00 02 00 01 72 00 02 c3 bc', // rooms: r, ü
        '81 07 34 32 5b 22 61 22 5d', // the frame
      ].join(' '),
    );
    expect(frames).toEqual(bytes.subarray(43));
  });

  it('decodes to its contents, and has the predicted length', () => {
    fc.assert(
      fc.property(headers, parts, (given, content) => {
        const { bytes, frames } = encodeEnvelope(given, content);
        expect(bytes.length).toBe(sizeOf(given, content).total);
        expect(frames.equals(framesOf(...content))).toBe(true);
        const decoded = decodeEnvelope(bytes) as Envelope;
        const { version, ...rest } = given;
        expect(bytes[0]).toBe(version);
        expect({ ...decoded, frames: decoded.frames.equals(frames) }).toEqual({
          ...rest,
          origin: given.origin.toString('hex'),
          lane: 0,
          number: 0,
          repeated: false,
          trace: undefined,
          frames: true,
        });
        expect(isFrom(bytes, given.origin)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('of version 2 has the layout of docs/protocol.md, and a place for the number on a lane', () => {
    const { bytes, frames } = encodeEnvelope({ ...header, version: 2, rooms: ['r'] }, ['2["a"]']);
    stampEnvelope(bytes, 3, 2 ** 40 + 5);
    expect(bytes.toString('hex').match(/../g)?.join(' ')).toBe(
      [
        '02 00 00 08', // version, kind, flags
        '00 00 00 2d', // 45 bytes of header
        '01 8b cf e5 68 00', // sent at
        '00 00 00 00 00 07', // sequence number
        '01 23 45 67 89 ab cd ef', // origin
        '00 00 00 03', // lane
        '01 00 00 00 00 05', // number on the lane
        '00', // flags that a receiver has to understand
        '00',
        '00 01 00 01 72', // rooms: r
        '81 07 34 32 5b 22 61 22 5d', // the frame
      ].join(' '),
    );
    expect(frames).toEqual(bytes.subarray(45));
    const stamp = { lane: 3, number: 2 ** 40 + 5 };
    expect(decodeEnvelope(bytes)).toMatchObject({ ...stamp, sequence: 7, rooms: ['r'] });
  });

  it('of version 1 has no number on a lane, and stays as it is', () => {
    const { bytes } = encodeEnvelope(header, ['2["a"]']);
    const before = Buffer.from(bytes);
    stampEnvelope(bytes, 3, 5);
    expect(bytes).toEqual(before);
    expect(decodeEnvelope(bytes)).toMatchObject({ lane: 0, number: 0 });
  });

  it('keeps the number that was written first: another one is written into a copy', () => {
    const { bytes } = encodeEnvelope({ ...header, version: 2 }, ['2["a"]']);
    expect(stampEnvelope(bytes, 3, 5)).toBe(bytes);
    const first = Buffer.from(bytes);
    expect(stampEnvelope(bytes, 3, 5)).toBe(bytes);

    const copies = [stampEnvelope(bytes, 4, 5), stampEnvelope(bytes, 3, 6)];

    expect(bytes).toEqual(first);
    expect(copies.map((copy) => decodeEnvelope(copy))).toEqual([
      expect.objectContaining({ lane: 4, number: 5 }),
      expect.objectContaining({ lane: 3, number: 6 }),
    ]);
  });

  it('with a flag that has to be understood, and is not, is refused', () => {
    const { bytes } = encodeEnvelope({ ...header, version: 2 }, ['2["a"]']);
    bytes[38] = 0x80;
    expect(decodeEnvelope(bytes)).toBe('message.not-understood');
  });

  it('returns the frames as a view of the received bytes, without a copy', () => {
    const { bytes } = encodeEnvelope(header, ['2["a"]']);
    expect((decodeEnvelope(bytes) as Envelope).frames.buffer).toBe(bytes.buffer);
  });

  it('is refused if any number of bytes is missing at the end', () => {
    const full = { ...header, except: ['s1', 's2'], rooms: ['r'] };
    const [one, two] = ([1, 2] as const).map(
      (version) => encodeEnvelope({ ...full, version }, ['2["a"]']).bytes,
    );
    for (const bytes of [one as Buffer, two as Buffer])
      for (let length = 0; length < bytes.length; length++) {
        expect([length, decodeEnvelope(bytes.subarray(0, length))]).toEqual([
          length,
          'message.malformed',
        ]);
      }
  });

  it('with damaged bytes is a fault or an envelope, and never an exception', () => {
    fc.assert(
      fc.property(
        headers,
        parts,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        (given, content, damage) => {
          const { bytes } = encodeEnvelope(given, content);
          for (const [at, byte] of damage) bytes[at % Math.min(bytes.length, 80)] = byte;
          expect(isFaultOrEnvelope(decodeEnvelope(bytes))).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('of random bytes is a fault, and never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(faults).toContain(decodeEnvelope(Buffer.from(bytes)));
        // Random bytes with the current version and kind reach the code behind those checks.
        expect(isFaultOrEnvelope(decodeEnvelope(Buffer.from([1, 0, ...bytes])))).toBe(true);
        expect(isFaultOrEnvelope(decodeEnvelope(Buffer.from([2, 0, ...bytes])))).toBe(true);
        expect(isFrom(Buffer.from(bytes), randomBytes(8))).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [0, 'message.unknown-version'],
    [3, 'message.unknown-version'],
    [255, 'message.unknown-version'],
  ])('of version %i is reported as such', (version, fault) => {
    const { bytes } = encodeEnvelope(header, ['x']);
    bytes[0] = version;
    expect(decodeEnvelope(bytes)).toBe(fault);
    expect(isFrom(bytes, header.origin)).toBe(false);
  });

  it('of an unknown kind is reported as such', () => {
    const { bytes } = encodeEnvelope(header, ['x']);
    bytes[1] = 1;
    expect(decodeEnvelope(bytes)).toBe('message.unknown-kind');
  });

  it('of a future version with a longer header is read, and unknown parts are skipped', () => {
    const { bytes } = encodeEnvelope({ ...header, except: ['s1'], rooms: ['r'] }, ['2["a"]']);
    const start = bytes.readUInt32BE(4);
    const more = Buffer.from('fields of the future');
    const future = Buffer.concat([bytes.subarray(0, start), more, bytes.subarray(start)]);
    future.writeUInt32BE(start + more.length, 4);
    future.writeUInt16BE(future.readUInt16BE(2) | 0x8000, 2);
    expect(decodeEnvelope(future)).toEqual(decodeEnvelope(bytes));
  });

  it.each([
    ['before its fixed part ends', 27],
    ['at its very end', 38],
    ['behind its end', 1000],
    ['far away', 0xffffffff],
  ])('whose header is said to end %s is malformed', (_, start) => {
    const { bytes } = encodeEnvelope(header, ['2["abc"]']);
    expect(bytes.length).toBe(39);
    bytes.writeUInt32BE(start, 4);
    expect(decodeEnvelope(bytes)).toBe('message.malformed');
  });

  it.each([
    ['more names than there are', 28, 9],
    ['a name longer than the header', 30, 9],
  ])('with a list of %s is malformed', (_, at, value) => {
    const { bytes } = encodeEnvelope({ ...header, except: ['s1'] }, ['2["abc"]']);
    bytes.writeUInt16BE(value, at);
    expect(decodeEnvelope(bytes)).toBe('message.malformed');
  });

  it('comes only from its own origin', () => {
    const { bytes } = encodeEnvelope(header, ['x']);
    const origin = header.origin;
    expect(isFrom(bytes, origin)).toBe(true);
    for (let index = 0; index < 8; index++) {
      const other = Buffer.from(origin);
      other[index] = (other[index] ?? 0) ^ 1;
      expect(isFrom(bytes, other)).toBe(false);
    }
    expect(isFrom(bytes.subarray(0, 27), origin)).toBe(false);
    expect(isFrom(Buffer.from('{"event":"x"}'), origin)).toBe(false);
  });
});

describe('a list of names', () => {
  it.each<[string, string[], boolean]>([
    ['that is empty', [], true],
    ['of as many as fit', Array.from({ length: 65_535 }, () => 'a'), true],
    ['of one too many', Array.from({ length: 65_536 }, () => 'a'), false],
    ['with one as long as fits', ['a'.repeat(65_535)], true],
    ['with one too long', ['a'.repeat(65_536)], false],
    ['with one too long in UTF-8 only', ['ü'.repeat(32_768)], false],
  ])('%s: whether it fits into an envelope', (_, list, fits) => {
    expect(isEncodableList(list)).toBe(fits);
    if (!fits) return;
    const decoded = decodeEnvelope(encodeEnvelope({ ...header, rooms: list }, ['x']).bytes);
    expect((decoded as Envelope).rooms.join()).toBe(list.join());
  });
});

function isFaultOrEnvelope(decoded: ReturnType<typeof decodeEnvelope>): boolean {
  return typeof decoded === 'string' ? faults.includes(decoded) : decoded.frames.length > 0;
}
