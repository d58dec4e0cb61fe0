// @ts-check

/**
 * Reads a server's WebSocket frames from a stream of bytes (RFC 6455, 5.2): unmasked and unfragmented, as Engine.IO
 * sends them.
 */
export class FrameReader {
  /** @type {Buffer | undefined} */
  rest = undefined;

  /** @param {(text: boolean, bytes: Buffer, start: number, end: number, compressed: boolean) => void} onFrame */
  constructor(onFrame) {
    this.onFrame = onFrame;
  }

  /** @param {Buffer} chunk */
  read(chunk) {
    const bytes = this.rest === undefined ? chunk : Buffer.concat([this.rest, chunk]);
    let offset = 0;
    while (offset + 2 <= bytes.length) {
      let length = bytes[offset + 1] ?? 0;
      let start = offset + 2;
      if (length === 126) {
        if (start + 2 > bytes.length) break;
        length = bytes.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > bytes.length) break;
        length = bytes.readUInt32BE(start) * 2 ** 32 + bytes.readUInt32BE(start + 4);
        start += 8;
      }
      const end = start + length;
      if (end > bytes.length) break;
      const first = bytes[offset] ?? 0;
      const opcode = first & 0x0f;
      if (opcode === 1 || opcode === 2) {
        this.onFrame(opcode === 1, bytes, start, end, (first & 0x40) !== 0);
      }
      offset = end;
    }
    this.rest = offset === bytes.length ? undefined : bytes.subarray(offset);
  }
}

/**
 * A client's frame, masked with zeros.
 *
 * @param {string} text
 */
export function clientFrame(text) {
  const length = Buffer.byteLength(text);
  const head = length < 126 ? 2 : 4;
  const frame = Buffer.alloc(head + 4 + length);
  frame[0] = 0x81;
  if (length < 126) frame[1] = 0x80 | length;
  else {
    frame[1] = 0x80 | 126;
    frame.writeUInt16BE(length, 2);
  }
  frame.write(text, head + 4);
  return frame;
}
