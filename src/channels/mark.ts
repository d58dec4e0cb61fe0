import { randomBytes } from 'node:crypto';

/** A mark is nothing but its nonce. */
const NONCE_BYTES = 16;

/** A message that an instance publishes to itself, to learn what has arrived before it. @internal */
export interface Mark {
  readonly bytes: Buffer;
  /** The nonce in hexadecimal digits. */
  readonly nonce: string;
}

/** @internal */
export function newMark(): Mark {
  const bytes = randomBytes(NONCE_BYTES);
  return { bytes, nonce: bytes.toString('hex') };
}

/** The nonce of a mark that came back; empty: the bytes are no mark. @internal */
export function nonceOf(bytes: Buffer): string {
  return bytes.length === NONCE_BYTES ? bytes.toString('hex') : '';
}
