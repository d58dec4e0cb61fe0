import { isUtf8 } from 'node:buffer';
import { frameAt } from './frames.js';

const EVENT = 0x32;
const BINARY_EVENT = 0x35;
const DASH = 0x2d;
const COMMA = 0x2c;
const OPENING_BRACKET = 0x5b;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Whether complete frames of the standard parser are one event for this namespace, with all its attachments. A
 * client has one connection for all namespaces, so a frame could also disconnect it, or be an event of another
 * namespace. The data of the event is not checked.
 *
 * @internal
 */
export function areEventFor(namespace: string, frames: Buffer): boolean {
  const text = frameAt(frames, 0);
  if (text?.text !== true) return false;
  // After Engine.IO's type "message".
  let offset = text.start + 1;
  const type = frames[offset++];
  let attachments = 0;
  if (type === BINARY_EVENT) {
    const [count, end] = numberAt(frames, offset);
    if (end === offset || frames[end] !== DASH) return false;
    attachments = count;
    offset = end + 1;
  } else if (type !== EVENT) return false;
  if (namespace !== '/') {
    const end = offset + Buffer.byteLength(namespace);
    if (end >= text.end || frames.toString('utf8', offset, end) !== namespace) return false;
    if (frames[end] !== COMMA) return false;
    offset = end + 1;
  }
  // Without an id: instances do not ask for acknowledgements in this way.
  if (offset >= text.end || frames[offset] !== OPENING_BRACKET) return false;
  return isUtf8(frames.subarray(offset, text.end)) && areAttachments(frames, text.end, attachments);
}

function areAttachments(frames: Buffer, start: number, count: number): boolean {
  let offset = start;
  let found = 0;
  while (offset < frames.length) {
    const frame = frameAt(frames, offset);
    if (frame === undefined || frame.text || ++found > count) return false;
    offset = frame.end;
  }
  return found === count;
}

function numberAt(bytes: Buffer, start: number): [value: number, end: number] {
  let value = 0;
  let offset = start;
  for (;;) {
    const digit = bytes[offset] ?? 0;
    if (digit < ZERO || digit > NINE) return [value, offset];
    value = value * 10 + digit - ZERO;
    offset++;
  }
}
