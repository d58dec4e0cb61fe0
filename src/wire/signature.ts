import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { FIXED_LENGTH, FLAG_REPEATED, FLAG_SIGNED, TAG_LENGTH, versionOf } from './envelope.js';

/**
 * The signature of an envelope: HMAC-SHA-256 over the channel's name as a netstring (its length in bytes, `:`, the
 * name) and the envelope without the signature, cut to its first 16 bytes. It includes the channel, so an envelope
 * cannot be published again on another one. Flag 32 (`repeated`) counts as not set, because it may be set after
 * signing.
 */
const ALGORITHM = 'sha256';

/** Why an envelope is not accepted. @internal */
export type SignatureFault = 'unsigned' | 'forged';

/**
 * Signs an envelope that has room for a signature. To be called only once, because the bytes belong to the
 * transport afterwards.
 *
 * @internal
 */
export function signEnvelope(bytes: Buffer, channel: string, key: KeyObject): void {
  const start = bytes.readUInt32BE(4);
  digestOf(bytes, start, channel, key).copy(bytes, start - TAG_LENGTH, 0, TAG_LENGTH);
}

/** Returns the signature if it was made with one of the keys. Never throws. @internal */
export function verifiedTag(
  bytes: Buffer,
  channel: string,
  keys: readonly KeyObject[],
): Buffer | SignatureFault {
  if (bytes.length < FIXED_LENGTH || versionOf(bytes) === undefined) return 'unsigned';
  if ((bytes.readUInt16BE(2) & FLAG_SIGNED) === 0) return 'unsigned';
  const start = bytes.readUInt32BE(4);
  if (start < FIXED_LENGTH + TAG_LENGTH || start > bytes.length) return 'forged';
  const tag = bytes.subarray(start - TAG_LENGTH, start);
  for (const key of keys) {
    const digest = digestOf(bytes, start, channel, key);
    if (timingSafeEqual(digest.subarray(0, TAG_LENGTH), tag)) return tag;
  }
  return 'forged';
}

/** Returns the signature of a text in the name of its author, in hexadecimal. @internal */
export function signText(text: string, name: string, key: KeyObject): string {
  return createHmac(ALGORITHM, key)
    .update(`${Buffer.byteLength(name)}:${name}${text}`)
    .digest('hex')
    .slice(0, 2 * TAG_LENGTH);
}

/** Whether a signature of a text was made with one of the keys. @internal */
export function isSignedText(
  text: string,
  name: string,
  signature: string,
  keys: readonly KeyObject[],
): boolean {
  const given = Buffer.from(signature);
  if (given.length !== 2 * TAG_LENGTH) return false;
  return keys.some((key) => timingSafeEqual(Buffer.from(signText(text, name, key)), given));
}

function digestOf(bytes: Buffer, start: number, channel: string, key: KeyObject): Buffer {
  return createHmac(ALGORITHM, key)
    .update(`${Buffer.byteLength(channel)}:${channel}`)
    .update(signedHeader(bytes, start - TAG_LENGTH))
    .update(bytes.subarray(start))
    .digest();
}

function signedHeader(bytes: Buffer, end: number): Buffer {
  const header = bytes.subarray(0, end);
  const flags = bytes.readUInt16BE(2);
  if ((flags & FLAG_REPEATED) === 0) return header;
  const copy = Buffer.from(header);
  copy.writeUInt16BE(flags & ~FLAG_REPEATED, 2);
  return copy;
}
