import { randomBytes } from 'node:crypto';
import { constants, inflateRawSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  compressFrames,
  compressionWith,
  NO_COMPRESSION,
  type Compression,
} from '../../../src/wire/compressed-frames.js';
import { areFrames, readFrames, type EncodedPart } from '../../../src/wire/frames.js';
import { framesOf } from '../../support/frames-of.js';

function compression(options: object = {}, windowBits?: number): Compression {
  const found = compressionWith(options, windowBits);
  if (found === undefined) throw new Error('no compression');
  return found;
}

/** Whether a message of this length is compressed. */
function isCompressed(length: number): boolean {
  const frames = framesOf('a'.repeat(length - 1));
  return compressFrames(frames, compression())?.equals(frames) === false;
}

/** Reads frames as a client does that forgets each message. */
function inflated(frames: Buffer, windowBits = 15): { parts: EncodedPart[]; compressed: number } {
  const plain: Buffer[] = [];
  let compressed = 0;
  for (let offset = 0; offset < frames.length;) {
    const first = frames[offset] ?? 0;
    const frame = Buffer.from(frames.subarray(offset));
    frame[0] = first & ~0x40;
    const short = frame[1] ?? 0;
    const start = short < 126 ? 2 : short === 126 ? 4 : 10;
    const length =
      short < 126
        ? short
        : short === 126
          ? frame.readUInt16BE(2)
          : Number(frame.readBigUInt64BE(2));
    let payload = frame.subarray(start, start + length);
    if ((first & 0x40) !== 0) {
      compressed++;
      payload = inflateRawSync(Buffer.concat([payload, Buffer.from([0, 0, 255, 255])]), {
        windowBits,
        finishFlush: constants.Z_SYNC_FLUSH,
      });
    }
    const isText = (first & 0x0f) === 1;
    plain.push(framesOf(isText ? payload.toString('utf8', 1) : payload));
    offset += start + length;
  }
  return { parts: plain.flatMap(readFrames), compressed };
}

/** A client with a smaller window cannot read a reference from the second half to the first one. */
function repeated(distance: number): string {
  const half = randomBytes(distance / 2).toString('hex');
  return half + half;
}

describe('frames that are compressed by themselves', () => {
  it('are read by clients as they were, whatever their length, in a window of any size', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc
        .tuple(fc.string({ unit: 'grapheme', minLength: 1 }), fc.nat(300))
        .map(([text, times]) => text.repeat(times)),
    );
    const parts = fc.array(part, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, fc.nat(400), fc.integer({ min: 9, max: 15 }), (all, threshold, bits) => {
        const frames = compressFrames(framesOf(...all), compression({ threshold }, bits));
        expect(frames).toBeDefined();
        expect(inflated(frames ?? Buffer.alloc(0), bits).parts).toEqual(
          readFrames(framesOf(...all)),
        );
      }),
    );
  });

  it.each([9, 10, 12, 15])('refer to nothing outside of a window of %p bits', (bits) => {
    const text = repeated(2 ** bits * 2) + repeated(2 ** (bits - 2));
    const frames = compressFrames(framesOf(text), compression({}, bits)) ?? Buffer.alloc(0);
    expect(inflated(frames, bits)).toEqual({ parts: [text], compressed: 1 });
  });

  it('stay as they are below the threshold, and where they would not get shorter', () => {
    const short = 'a'.repeat(99);
    const long = 'a'.repeat(1_000);
    const noise = randomBytes(1_000);
    const frames = framesOf(short, long, noise);
    const some = compressFrames(frames, compression({ threshold: 101 })) ?? Buffer.alloc(0);
    expect(inflated(some)).toEqual({ parts: [short, long, noise], compressed: 1 });
    expect(some.length).toBeLessThan(1_250);

    expect(compressFrames(framesOf(short), compression())).toEqual(framesOf(short));
    expect(compressFrames(framesOf(noise), compression())).toEqual(framesOf(noise));
    expect(compressFrames(frames, NO_COMPRESSION)).toBe(frames);
  });

  it('have a threshold of 1,024 bytes, as with ws, unless the app sets another', () => {
    expect([1_023, 1_024].map(isCompressed)).toEqual([false, true]);
  });

  it.each([
    ['a long part', [Buffer.alloc(300_000)]],
    ['many parts', Array.from({ length: 16 }, () => Buffer.alloc(20_000))],
  ])('are not made of an event with %s, which would block the event loop', (_, parts) => {
    const long = framesOf('event', ...parts);
    expect(compressFrames(long, compression())).toBeUndefined();
    expect(compressFrames(long, NO_COMPRESSION)).toBe(long);
  });

  it('are compressed as well as the app wants', () => {
    const text = Array.from({ length: 500 }, (_, i) => `{"id":${i * 7},"name":"n${i}"}`).join();
    const sizeAt = (level: number): number => {
      const options = { zlibDeflateOptions: { level } };
      return compressFrames(framesOf(text), compression(options))?.length ?? 0;
    };
    expect(sizeAt(6)).toBeLessThan(framesOf(text).length / 2);
    expect(sizeAt(0)).toBe(framesOf(text).length);
  });

  it('are no frames to an instance: none is accepted from Redis', () => {
    const frames = compressFrames(framesOf('a'.repeat(2_000)), compression());
    expect(areFrames(frames ?? Buffer.alloc(0))).toBe(false);
  });
});

describe('compression for a connection', () => {
  it('is one object for the same options and window, which connections share', () => {
    const options = { threshold: 1 };
    expect(compressionWith(options)).toBe(compressionWith(options, 15));
    expect(compressionWith(options, 10)).toBe(compressionWith(options, 10));
    expect(compressionWith(options, 10)).not.toBe(compressionWith(options, 15));
    expect(compressionWith({ threshold: 1 })).not.toBe(compressionWith(options));
  });

  it.each([8, 0, 16, NaN, 'x', {}, true])('is not made for a window of %p bits', (bits) => {
    expect(compressionWith({}, bits)).toBeUndefined();
  });

  it('is not made with options that zlib refuses', () => {
    expect(compressionWith({ zlibDeflateOptions: { level: 42 } })).toBeUndefined();
    expect(compressionWith({ zlibDeflateOptions: { memLevel: 'x' as never } })).toBeUndefined();
  });
});
