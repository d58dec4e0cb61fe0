import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  MAX_CHUNK_BYTES,
  MAX_CHUNK_EVENTS,
  packChunk,
  place,
  rangesOf,
  readChunk,
  type Chunk,
} from '../../../src/recovery/left-format.js';
import type { MissedEvent } from '../../../src/recovery/session.js';

const event = fc.record({
  offset: fc.string({ minLength: 1, maxLength: 19 }),
  key: fc.string(),
  compress: fc.boolean(),
  at: fc.constant(0),
  frames: fc.oneof(
    { weight: 20, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(MAX_CHUNK_BYTES - 10)) },
  ),
});
const timeless = (each: MissedEvent) => ({ ...each, at: 0 });

describe('stored events', () => {
  it('are in chunks of a limited size, and are read in any order as they were', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), fc.array(fc.nat(29)), (events, picks) => {
        const chunks: Chunk[] = [];
        const places = events.map((each) => place(chunks, each));
        for (const { events: some, bytes } of chunks) {
          expect(some.length).toBeLessThanOrEqual(MAX_CHUNK_EVENTS);
          // An event that is larger than that is alone.
          const largest = some.length > 1 ? MAX_CHUNK_BYTES : Infinity;
          expect(bytes).toBeLessThanOrEqual(largest);
        }
        const read = chunks.map((chunk) => readChunk(packChunk(chunk)));
        const picked = picks.filter((pick) => pick < events.length);
        const ranges = rangesOf(picked.map((pick) => places[pick]!));
        const found = ranges.flatMap(([chunk, first, count]) =>
          read[chunk]!.slice(first, first + count),
        );
        expect(found.map(timeless)).toEqual(picked.map((pick) => events[pick]));
      }),
    );
  });

  it('that follow one another are one range', () => {
    const all: (readonly [number, number])[] = [
      [0, 5],
      [0, 6],
      [0, 7],
      [1, 8],
      [1, 0],
      [1, 1],
    ];
    expect(rangesOf(all)).toEqual([
      [0, 5, 3],
      [1, 8, 1],
      [1, 0, 2],
    ]);
  });

  it('that are cut off are refused', () => {
    const packed = packChunk({
      events: [{ offset: 'a', key: 'a', compress: true, at: 0, frames: Buffer.from('frames') }],
      bytes: 6,
    });
    for (let length = 0; length < packed.length; length++) {
      expect(() => readChunk(packed.subarray(0, length))).toThrow(/\w/);
    }
  });
});
