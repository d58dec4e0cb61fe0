import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import * as ws from 'ws';
import {
  areFrames,
  framesLength,
  readFrames,
  writeFrames,
  type EncodedPart,
} from '../../../src/wire/frames.js';

interface FrameOptions {
  fin: boolean;
  opcode: 1 | 2;
  mask: boolean;
  readOnly: boolean;
  rsv1: boolean;
}

/** Methods that `@types/ws` leaves out. */
const { Sender, Receiver } = ws as unknown as {
  Sender: { frame(data: Buffer, options: FrameOptions): Buffer[] };
  Receiver: new () => NodeJS.WritableStream & {
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): void;
  };
};

function framesOf(parts: readonly EncodedPart[]): Buffer {
  const frames = Buffer.alloc(framesLength(parts));
  expect(writeFrames(frames, 0, parts)).toBe(frames.length);
  return frames;
}

/** The bytes that `ws`, as used by Engine.IO, would send. */
function framesOfWs(part: EncodedPart): Buffer {
  const text = typeof part === 'string';
  const payload = text ? Buffer.from(`4${part}`) : part;
  const options = { fin: true, mask: false, readOnly: true, rsv1: false } as const;
  return Buffer.concat(Sender.frame(payload, { ...options, opcode: text ? 1 : 2 }));
}

/** As a string, because Jest is slow at comparing large Buffers. */
function hex(frames: Buffer): string {
  return frames.toString('hex');
}

function comparable(given: readonly EncodedPart[]): string[] {
  return given.map((part) => (typeof part === 'string' ? `text ${part}` : `binary ${hex(part)}`));
}

/** The limits of the three forms of a length, and the values around them. */
const payloadLengths = [0, 1, 2, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 70_000];

const parts = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.constantFrom(...payloadLengths).map((length) => Buffer.alloc(length, 7)),
    fc.constantFrom(...payloadLengths).map((length) => 'ü'.repeat(length)),
  ),
  { minLength: 1, maxLength: 5 },
);

describe('WebSocket frames', () => {
  it.each(payloadLengths)('of %i bytes of binary are equal to those of ws', (length) => {
    const part = Buffer.alloc(length, 'binary');
    expect(hex(framesOf([part]))).toBe(hex(framesOfWs(part)));
  });

  it.each(payloadLengths.slice(1))('of %i bytes of text are equal to those of ws', (length) => {
    // The payload is one byte longer: the type "message" of the Engine.IO protocol.
    const part = 'x'.repeat(length - 1);
    expect(hex(framesOf([part]))).toBe(hex(framesOfWs(part)));
  });

  it('are decoded correctly by ws', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const received: EncodedPart[] = [];
        const receiver = new Receiver();
        receiver.on('message', (data, isBinary) => {
          received.push(isBinary ? Buffer.from(data) : data.toString().slice(1));
        });
        receiver.write(framesOf(given));
        expect(comparable(received)).toEqual(comparable(given));
      }),
      { numRuns: 50 },
    );
  });

  it('decode to their contents', () => {
    fc.assert(
      fc.property(parts, (given) => {
        const frames = framesOf(given);
        expect(areFrames(frames)).toBe(true);
        expect(comparable(readFrames(frames))).toEqual(comparable(given));
      }),
      { numRuns: 100 },
    );
  });

  it('are written at the given offset, and nowhere else', () => {
    const target = Buffer.alloc(10, 0xee);
    expect(writeFrames(target, 3, ['a'])).toBe(7);
    expect(target.toString('hex')).toBe('eeeeee81023461eeeeee');
  });

  it('with lengths beyond 32 bits do not match the available bytes', () => {
    const huge = Buffer.from([0x82, 127, 0, 0, 0, 1, 0, 0, 0, 0]);
    expect(areFrames(huge)).toBe(false);
    expect(areFrames(Buffer.from([0x82, 127, ...Buffer.alloc(8, 0xff)]))).toBe(false);
  });

  it('are complete or refused', () => {
    fc.assert(
      fc.property(parts, fc.nat(), (given, cut) => {
        const [first] = given;
        const frames = framesOf([first as EncodedPart]);
        expect(areFrames(frames.subarray(0, cut % frames.length))).toBe(false);
      }),
      { numRuns: 100 },
    );
  });

  it('are refused when several are cut anywhere but between two', () => {
    const given = ['one', Buffer.from('two'), 'x'.repeat(130)];
    const frames = framesOf(given);
    const borders = new Set([1, 2, 3].map((count) => framesLength(given.slice(0, count))));
    for (let length = 0; length <= frames.length; length++) {
      const truncated = frames.subarray(0, length);
      expect([length, areFrames(truncated)]).toEqual([length, borders.has(length)]);
      expect(() => readFrames(truncated)).not.toThrow();
    }
  });

  it.each([
    ['nothing', []],
    ['a text frame without the type "message"', [0x81, 1, 0x32]],
    ['an empty text frame', [0x81, 0]],
    ['a masked frame', [0x82, 0x80, 1, 2, 3, 4]],
    ['a close frame', [0x88, 0]],
    ['a ping', [0x89, 0]],
    ['a first fragment', [0x02, 1, 1]],
    ['a continuation', [0x80, 1, 1]],
    ['a compressed frame', [0xc1, 1, 0x34]],
    ['a length that has a shorter form in 16 bits', [0x82, 126, 0, 1, 9]],
    ['a length that has a shorter form in 64 bits', [0x82, 127, 0, 0, 0, 0, 0, 0, 0, 1, 9]],
    ['a frame and a byte too many', [0x82, 1, 9, 0]],
  ])('are refused: %s', (_, bytes) => {
    expect(areFrames(Buffer.from(bytes))).toBe(false);
  });

  it('are refused for random bytes, without an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const frames = Buffer.from(bytes);
        // Bytes that are accepted as frames must be frames for ws as well.
        const same = hex(framesOf(readFrames(frames))) === hex(frames);
        expect(same || !areFrames(frames)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
