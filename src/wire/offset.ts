import { createHash } from 'node:crypto';
import type { InstanceId } from './envelope.js';

/**
 * The offset of an event: its identity, origin and sequence number, as 19 characters. With the option `recovery` it is the
 * last argument of every event, so the last one that a client has received tells how far the client has come.
 */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Two digits for each number of 12 bits. */
const PAIRS = Array.from(
  { length: 4_096 },
  (_, n) => DIGITS.charAt(n >>> 6) + DIGITS.charAt(n & 63),
);
const HALF = 2 ** 24;

/** The length of an offset, in characters and bytes. @internal */
export const OFFSET_LENGTH = 19;
const SEQUENCE_DIGITS = 8;
const CONTENT_BYTES = 14;
/** A bit that is 0 in each offset of an origin: the last character of its prefix carries four bits. */
const CONTENT_BYTE = 8;
const CONTENT_BIT = 0x40;

/** The part of an offset that all events of an origin share. @internal */
export function offsetPrefix(origin: InstanceId): string {
  return Buffer.from(origin, 'hex').toString('base64url');
}

/** @param sequence at most 48 bits @internal */
export function offsetOf(prefix: string, sequence: number): string {
  const high = Math.floor(sequence / HALF);
  const low = sequence % HALF;
  return (
    prefix + PAIRS[high >>> 12]! + PAIRS[high & 4_095]! + PAIRS[low >>> 12]! + PAIRS[low & 4_095]!
  );
}

/** Whether two offsets are of one origin, and the first is not behind the second. @internal */
export function isUpTo(offset: string, last: string): boolean {
  const prefixLength = OFFSET_LENGTH - SEQUENCE_DIGITS;
  if (offset.length !== OFFSET_LENGTH || !last.startsWith(offset.slice(0, prefixLength))) {
    return false;
  }
  for (let i = prefixLength; i < OFFSET_LENGTH; i++) {
    const difference = DIGITS.indexOf(offset[i]!) - DIGITS.indexOf(last[i]!);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/**
 * The offset of an event without an identity, JSON from another program: a hash of its bytes, the same on all instances. It differs
 * from all offsets of origins, so that clients do not take equal events for one.
 *
 * @internal
 */
export function offsetOfContent(channel: string, bytes: Buffer): string {
  const hash = createHash('sha256').update(channel).update('\0').update(bytes).digest();
  hash[CONTENT_BYTE]! |= CONTENT_BIT;
  return hash.subarray(0, CONTENT_BYTES).toString('base64url');
}
