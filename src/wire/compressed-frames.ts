import { constants, deflateRawSync } from 'node:zlib';
import { frameAt, frameHeader } from './frames.js';

/** How frames are compressed by themselves, so that many connections share them (permessage-deflate, RFC 7692). @internal */
export interface Compression {
  /** Shorter messages stay as they are, in bytes. */
  readonly threshold: number;
  readonly options: ZlibOptions;
}

interface ZlibOptions {
  readonly windowBits?: number;
  readonly level?: number | undefined;
  readonly memLevel?: number | undefined;
  readonly strategy?: number | undefined;
}

/** The option `perMessageDeflate` of a server, as far as it concerns compressing. @internal */
export interface CompressionOptions {
  readonly threshold?: number;
  readonly zlibDeflateOptions?: Omit<ZlibOptions, 'windowBits'>;
}

/** Leaves all frames as they are, for clients that have not agreed on compression. @internal */
export const NO_COMPRESSION: Compression = { threshold: Infinity, options: {} };

/** The threshold of ws and Engine.IO, in bytes. */
const DEFAULT_THRESHOLD = 1_024;
const { Z_DEFAULT_WINDOWBITS, Z_SYNC_FLUSH } = constants;
/** zlib has no window of 8 bits for raw data. */
const MIN_WINDOW_BITS = 9;
/** RSV1 of a frame: the message is compressed (RFC 7692, section 6). */
const COMPRESSED = 0x40;
/** At the end of compressed data, and not sent (RFC 7692, section 7.2.1). */
const TAIL_BYTES = 4;
/** Longer events block the event loop for more than some 5 ms. */
const MAX_BYTES = 256 * 1_024;

/** Compressions by the options of a server and the size of a client's window. */
const known = new WeakMap<CompressionOptions, Map<number, Compression | undefined>>();

/**
 * Compression for clients with a window of this size: the same object for the same options and size. Undefined if zlib does
 * not take them.
 *
 * @param maxWindowBits `server_max_window_bits`; the client has the largest window without it
 * @internal
 */
export function compressionWith(
  given: CompressionOptions,
  maxWindowBits: unknown = Z_DEFAULT_WINDOWBITS,
): Compression | undefined {
  const windowBits = Number(maxWindowBits);
  let bySize = known.get(given);
  if (bySize === undefined) {
    bySize = new Map();
    known.set(given, bySize);
  }
  if (!bySize.has(windowBits)) bySize.set(windowBits, tried(given, windowBits));
  return bySize.get(windowBits);
}

function tried(given: CompressionOptions, windowBits: number): Compression | undefined {
  if (!(windowBits >= MIN_WINDOW_BITS)) return undefined;
  const { threshold = DEFAULT_THRESHOLD, zlibDeflateOptions } = given;
  const { level, memLevel, strategy } = zlibDeflateOptions ?? {};
  const options = { windowBits, level, memLevel, strategy };
  try {
    deflateRawSync('', options);
    return { threshold, options };
  } catch {
    return undefined;
  }
}

/**
 * Compresses each frame that is long enough and gets shorter by it. Undefined if the event is too long to be compressed in
 * the event loop.
 *
 * @param frames complete frames, back to back
 * @internal
 */
export function compressFrames(frames: Buffer, compression: Compression): Buffer | undefined {
  const { threshold, options } = compression;
  if (frames.length < threshold) return frames;
  if (frames.length > MAX_BYTES) return undefined;
  const pieces: Buffer[] = [];
  let isShorter = false;
  for (let offset = 0; offset < frames.length;) {
    const frame = frameAt(frames, offset);
    if (frame === undefined) return frames;
    const { start, end } = frame;
    const length = end - start;
    let piece = frames.subarray(offset, end);
    if (length >= threshold) {
      const deflated = deflateRawSync(frames.subarray(start, end), {
        ...options,
        finishFlush: Z_SYNC_FLUSH,
      }).subarray(0, -TAIL_BYTES);
      const header = frameHeader(frame.text, deflated.length, COMPRESSED);
      if (header.length + deflated.length < piece.length) {
        piece = Buffer.concat([header, deflated]);
        isShorter = true;
      }
    }
    pieces.push(piece);
    offset = end;
  }
  return isShorter ? Buffer.concat(pieces) : frames;
}
