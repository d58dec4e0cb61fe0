/** The result of a Socket.IO encoder: text and binary attachments, in the order of sending. */
export type EncodedPart = string | Buffer;

// RFC 6455, section 5.2: FIN set, no mask (servers send none), opcode 1 for text and 2 for binary.
const TEXT = 0x81;
const BINARY = 0x82;
/** "message" in the Engine.IO protocol, before every text packet; binary packets have no type. */
const MESSAGE = 0x34;

/** The payload length of each part, with the Engine.IO packet type. @internal */
export function payloadLengths(parts: readonly EncodedPart[]): readonly number[] {
  return parts.map((part) =>
    typeof part === 'string' ? Buffer.byteLength(part) + 1 : part.length,
  );
}

function headerLength(payload: number): number {
  if (payload < 126) return 2;
  return payload < 65_536 ? 4 : 10;
}

/** The number of bytes that {@link writeFrames} needs. @internal */
export function framesLength(
  parts: readonly EncodedPart[],
  payloads = payloadLengths(parts),
): number {
  let total = 0;
  for (const payload of payloads) total += headerLength(payload) + payload;
  return total;
}

/** Writes each part as a complete WebSocket frame. Returns the offset after the last one. @internal */
export function writeFrames(
  target: Buffer,
  start: number,
  parts: readonly EncodedPart[],
  payloads = payloadLengths(parts),
): number {
  let offset = start;
  let i = 0;
  for (const part of parts) {
    const payload = payloads[i++] ?? 0;
    writeHeader(target, offset, typeof part === 'string' ? TEXT : BINARY, payload);
    offset += headerLength(payload);
    if (typeof part === 'string') {
      target[offset] = MESSAGE;
      // One byte for each character is ASCII, which is written without being encoded.
      target.write(part, offset + 1, payload === part.length + 1 ? 'latin1' : 'utf8');
    } else {
      part.copy(target, offset);
    }
    offset += payload;
  }
  return offset;
}

function writeHeader(target: Buffer, offset: number, first: number, payload: number): void {
  target[offset] = first;
  if (payload < 126) {
    target[offset + 1] = payload;
  } else if (payload < 65_536) {
    target[offset + 1] = 126;
    target.writeUInt16BE(payload, offset + 2);
  } else {
    target[offset + 1] = 127;
    target.writeUInt32BE(Math.floor(payload / 2 ** 32), offset + 2);
    target.writeUInt32BE(payload % 2 ** 32, offset + 6);
  }
}

/** The header of a frame with a payload of this length. @param bits further bits of its first byte @internal */
export function frameHeader(text: boolean, payload: number, bits: number): Buffer {
  const header = Buffer.allocUnsafe(headerLength(payload));
  writeHeader(header, 0, (text ? TEXT : BINARY) | bits, payload);
  return header;
}

interface Frame {
  readonly text: boolean;
  readonly start: number;
  readonly end: number;
}

/** The frame at `offset`, or undefined if the bytes are not a complete frame. @internal */
export function frameAt(bytes: Buffer, offset: number): Frame | undefined {
  const opcode = bytes[offset];
  const short = bytes[offset + 1];
  if ((opcode !== TEXT && opcode !== BINARY) || short === undefined || short > 127)
    return undefined;
  let start = offset + 2;
  let length = short;
  if (short === 126) {
    start += 2;
    if (start > bytes.length) return undefined;
    length = bytes.readUInt16BE(offset + 2);
  } else if (short === 127) {
    start += 8;
    if (start > bytes.length) return undefined;
    length = bytes.readUInt32BE(offset + 2) * 2 ** 32 + bytes.readUInt32BE(offset + 6);
  }
  const end = start + length;
  // A client closes the connection when a length is not in its shortest form (RFC 6455, section 5.2).
  if (end > bytes.length || start !== offset + headerLength(length)) return undefined;
  if (opcode === TEXT && bytes[start] !== MESSAGE) return undefined;
  return { text: opcode === TEXT, start, end };
}

/** Whether the bytes consist of complete frames, at least one. Reads only the headers of the frames. @internal */
export function areFrames(bytes: Buffer): boolean {
  let offset = 0;
  do {
    const frame = frameAt(bytes, offset);
    if (frame === undefined) return false;
    offset = frame.end;
  } while (offset < bytes.length);
  return true;
}

/** Returns the parts of frames that {@link areFrames} accepted. @internal */
export function readFrames(bytes: Buffer): EncodedPart[] {
  const parts: EncodedPart[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const frame = frameAt(bytes, offset);
    if (frame === undefined) break;
    parts.push(
      frame.text
        ? bytes.toString('utf8', frame.start + 1, frame.end)
        : bytes.subarray(frame.start, frame.end),
    );
    offset = frame.end;
  }
  return parts;
}
