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
const PREFIX_LENGTH = 11;
const CONTENT_BYTES = 14;
/** A bit that is 0 in each offset of an origin: the last character of its prefix carries four bits. */
const CONTENT_BYTE = 8;
const CONTENT_BIT = 0x40;

/** The part of an offset that all events of an origin share. @internal */
export function offsetPrefix(origin: InstanceId): string {
  return Buffer.from(origin, 'hex').toString('base64url');
}

/** An offset as a number, because the text of most offsets is never needed. @internal */
export class EventOffset {
  /** @param number at most 48 bits; -1: `prefix` is the whole text, in a form that no event has */
  constructor(
    readonly prefix: string,
    readonly number: number,
  ) {}

  static of(text: string): EventOffset {
    if (text.length !== OFFSET_LENGTH) return new EventOffset(text, -1);
    let number = 0;
    for (let i = PREFIX_LENGTH; i < OFFSET_LENGTH; i++) {
      const digit = DIGITS.indexOf(text.charAt(i));
      if (digit < 0) return new EventOffset(text, -1);
      number = number * DIGITS.length + digit;
    }
    return new EventOffset(text.slice(0, PREFIX_LENGTH), number);
  }

  get text(): string {
    const { prefix, number } = this;
    if (number < 0) return prefix;
    const high = Math.floor(number / HALF);
    const low = number % HALF;
    return (
      prefix + PAIRS[high >>> 12]! + PAIRS[high & 4_095]! + PAIRS[low >>> 12]! + PAIRS[low & 4_095]!
    );
  }

  /** Whether both offsets are of one origin, and this one is not behind the other. */
  isUpTo({ prefix, number }: EventOffset): boolean {
    return this.prefix === prefix && this.number <= number;
  }
}

/**
 * The offset of an event without an identity, JSON from another program: a hash of its bytes, the same on all instances. It differs
 * from all offsets of origins, so that clients do not take equal events for one.
 *
 * @internal
 */
export function offsetOfContent(channel: string, bytes: Buffer): EventOffset {
  const hash = createHash('sha256').update(channel).update('\0').update(bytes).digest();
  hash[CONTENT_BYTE]! |= CONTENT_BIT;
  return EventOffset.of(hash.subarray(0, CONTENT_BYTES).toString('base64url'));
}
