import { framesLength, writeFrames, type EncodedPart } from '../../src/wire/frames.js';

/** The frames of the encoded parts of a packet, back to back. */
export function framesOf(...parts: readonly EncodedPart[]): Buffer {
  const frames = Buffer.alloc(framesLength(parts));
  writeFrames(frames, 0, parts);
  return frames;
}
