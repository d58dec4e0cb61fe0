/** A published envelope of a page that one instance sends to another. @internal */
export interface PageEntry {
  readonly channel: string;
  /** How long ago it was published, in ms. */
  readonly ageMs: number;
  /** The lane of its origin on which it was published. */
  readonly lane: number;
  /** Its number there. */
  readonly number: number;
  readonly bytes: Buffer;
}

const HEADER_LENGTH = 20;
const MAX_AGE_MS = 2 ** 32 - 1;

/** The number of bytes that an entry takes in addition to its envelope and the name of its channel. @internal */
export const PAGE_ENTRY_BYTES = HEADER_LENGTH;

/**
 * Packs the entries of a page into one buffer, in order. For each: age (4 bytes), lane (4), number (6), length of the
 * channel's name (2) and of the envelope (4), big-endian, then the name and the envelope.
 *
 * @internal
 */
export function packPage(entries: readonly PageEntry[]): Buffer {
  let length = 0;
  for (const { channel, bytes } of entries) {
    length += HEADER_LENGTH + Buffer.byteLength(channel) + bytes.length;
  }
  const pack = Buffer.allocUnsafe(length);
  let offset = 0;
  for (const { channel, ageMs, lane, number, bytes } of entries) {
    const start = offset + HEADER_LENGTH;
    const end = start + pack.write(channel, start);
    pack.writeUInt32BE(Math.min(Math.max(0, Math.round(ageMs)), MAX_AGE_MS), offset);
    pack.writeUInt32BE(lane, offset + 4);
    pack.writeUIntBE(number, offset + 8, 6);
    pack.writeUInt16BE(end - start, offset + 14);
    pack.writeUInt32BE(bytes.length, offset + 16);
    bytes.copy(pack, end);
    offset = end + bytes.length;
  }
  return pack;
}

/** Undefined if the bytes are not a valid pack. The envelopes are views. Never throws. @internal */
export function unpackPage(pack: Buffer): PageEntry[] | undefined {
  const entries: PageEntry[] = [];
  let offset = 0;
  while (offset < pack.length) {
    const start = offset + HEADER_LENGTH;
    if (start > pack.length) return undefined;
    const middle = start + pack.readUInt16BE(offset + 14);
    const end = middle + pack.readUInt32BE(offset + 16);
    if (end > pack.length) return undefined;
    entries.push({
      channel: pack.toString('utf8', start, middle),
      ageMs: pack.readUInt32BE(offset),
      lane: pack.readUInt32BE(offset + 4),
      number: pack.readUIntBE(offset + 8, 6),
      bytes: pack.subarray(middle, end),
    });
    offset = end;
  }
  return entries;
}
