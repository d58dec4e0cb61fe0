import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { packEnvelopes, packedLength, unpackEnvelopes } from '../../../src/wire/envelope-pack.js';

const packed = fc.record({
  channel: fc.string({ unit: 'grapheme', maxLength: 40 }),
  ageMs: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  bytes: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
});

describe('a pack of envelopes', () => {
  it('unpacks to its contents, and has the predicted length', () => {
    fc.assert(
      fc.property(fc.array(packed, { maxLength: 20 }), (envelopes) => {
        const pack = packEnvelopes(envelopes);
        expect(pack.length).toBe(envelopes.reduce((sum, each) => sum + packedLength(each), 0));
        expect(unpackEnvelopes(pack)).toEqual(envelopes);
      }),
    );
  });

  it('limits the ages', () => {
    const given = [-5, 1.6, 2 ** 40].map((ageMs) => ({
      channel: 'a',
      ageMs,
      bytes: Buffer.alloc(1),
    }));
    const ages = unpackEnvelopes(packEnvelopes(given))?.map(({ ageMs }) => ageMs);
    expect(ages).toEqual([0, 2, 2 ** 32 - 1]);
  });

  it('is refused without an exception if it is malformed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(() => unpackEnvelopes(Buffer.from(bytes))).not.toThrow();
      }),
    );
    const pack = packEnvelopes([{ channel: 'a', ageMs: 1, bytes: Buffer.from('xyz') }]);
    for (let length = 1; length < pack.length; length++) {
      expect(unpackEnvelopes(pack.subarray(0, length))).toBeUndefined();
    }
    expect(unpackEnvelopes(Buffer.alloc(0))).toEqual([]);
  });
});
