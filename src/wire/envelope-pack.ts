/** A published envelope that one instance sends to another during a repair. @internal */
export interface PackedEnvelope {
  readonly channel: string;
  /** How long ago it was published, in ms. */
  readonly ageMs: number;
  readonly bytes: Buffer;
}

const HEADER_LENGTH = 10;
const MAX_AGE_MS = 2 ** 32 - 1;

/** The number of bytes that it takes in a pack. @internal */
export function packedLength({ channel, bytes }: PackedEnvelope): number {
  return HEADER_LENGTH + Buffer.byteLength(channel) + bytes.length;
}

/**
 * Packs several envelopes into one buffer, in order. For each: age (4 bytes), length of the channel's name (2) and
 * of the envelope (4), big-endian, then the name and the envelope.
 *
 * @internal
 */
export function packEnvelopes(envelopes: readonly PackedEnvelope[]): Buffer {
  const pack = Buffer.allocUnsafe(envelopes.reduce((sum, each) => sum + packedLength(each), 0));
  let offset = 0;
  for (const { channel, ageMs, bytes } of envelopes) {
    const start = offset + HEADER_LENGTH;
    const end = start + pack.write(channel, start);
    pack.writeUInt32BE(Math.min(Math.max(0, Math.round(ageMs)), MAX_AGE_MS), offset);
    pack.writeUInt16BE(end - start, offset + 4);
    pack.writeUInt32BE(bytes.length, offset + 6);
    bytes.copy(pack, end);
    offset = end + bytes.length;
  }
  return pack;
}

/** Undefined if the bytes are not a valid pack. The envelopes are views. Never throws. @internal */
export function unpackEnvelopes(pack: Buffer): PackedEnvelope[] | undefined {
  const envelopes: PackedEnvelope[] = [];
  let offset = 0;
  while (offset < pack.length) {
    const start = offset + HEADER_LENGTH;
    if (start > pack.length) return undefined;
    const middle = start + pack.readUInt16BE(offset + 4);
    const end = middle + pack.readUInt32BE(offset + 6);
    if (end > pack.length) return undefined;
    envelopes.push({
      channel: pack.toString('utf8', start, middle),
      ageMs: pack.readUInt32BE(offset),
      bytes: pack.subarray(middle, end),
    });
    offset = end;
  }
  return envelopes;
}
