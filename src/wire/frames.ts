/** What a Socket.IO encoder makes of a packet: text and binary attachments, in the order of sending. */
export type EncodedPart = string | Buffer;

// RFC 6455, section 5.2: FIN set, no mask (servers send none), opcode 1 for text and 2 for binary.
const TEXT = 0x81;
const BINARY = 0x82;
/** "message" in the Engine.IO protocol, in front of every text packet; binary packets carry no type. */
const MESSAGE = 0x34;

/** Length of the payload of one part, with the Engine.IO packet type. @internal */
function payloadLength(part: EncodedPart): number {
  return typeof part === 'string' ? Buffer.byteLength(part) + 1 : part.length;
}

function headerLength(payload: number): number {
  if (payload < 126) return 2;
  return payload < 65_536 ? 4 : 10;
}

/** How many bytes {@link writeFrames} will need. @internal */
export function framesLength(parts: readonly EncodedPart[]): number {
  let total = 0;
  for (const part of parts) {
    const payload = payloadLength(part);
    total += headerLength(payload) + payload;
  }
  return total;
}

/** Writes each part as a finished WebSocket frame and returns the offset behind the last one. @internal */
export function writeFrames(target: Buffer, start: number, parts: readonly EncodedPart[]): number {
  let offset = start;
  for (const part of parts) {
    const payload = payloadLength(part);
    target[offset] = typeof part === 'string' ? TEXT : BINARY;
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
    offset += headerLength(payload);
    if (typeof part === 'string') {
      target[offset] = MESSAGE;
      target.write(part, offset + 1);
    } else {
      part.copy(target, offset);
    }
    offset += payload;
  }
  return offset;
}

interface Frame {
  readonly text: boolean;
  readonly start: number;
  readonly end: number;
}

/** The frame at `offset`, or undefined where the bytes are not one finished frame. @internal */
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
  // A client closes the connection at a length that has a shorter form (RFC 6455, section 5.2).
  if (end > bytes.length || start !== offset + headerLength(length)) return undefined;
  if (opcode === TEXT && bytes[start] !== MESSAGE) return undefined;
  return { text: opcode === TEXT, start, end };
}

/** Whether the bytes are nothing but whole frames, at least one. Looks at frame headers only. @internal */
export function areFrames(bytes: Buffer): boolean {
  let offset = 0;
  do {
    const frame = frameAt(bytes, offset);
    if (frame === undefined) return false;
    offset = frame.end;
  } while (offset < bytes.length);
  return true;
}

/** The parts back from frames that {@link areFrames} found whole. @internal */
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
