import { describe, expect, it } from '@jest/globals';
import { createHmac, createSecretKey } from 'node:crypto';
import { decodeEnvelope, encodeEnvelope, markRepeated } from '../../../src/wire/envelope.js';
import { signEnvelope, verifiedTag } from '../../../src/wire/signature.js';

const CHANNEL = 'propagator:/:user:é';
const SECRET = '0123456789abcdef0123456789abcdef';
const key = createSecretKey(SECRET, 'utf8');
const otherKey = createSecretKey('f'.repeat(32), 'utf8');

function envelope({ rooms = [] as string[], signWith = key } = {}): Buffer {
  const header = {
    origin: Buffer.from('0102030405060708', 'hex'),
    sequence: 7,
    sentAt: 1_800_000_000_000,
    volatile: false,
    compress: true,
    except: [],
    rooms,
    customParser: false,
    signed: true,
  };
  const { bytes } = encodeEnvelope(header, ['2["x",1]']);
  signEnvelope(bytes, CHANNEL, signWith);
  return bytes;
}

describe('the signature of an envelope', () => {
  it('has the form that the protocol describes', () => {
    const bytes = envelope({ rooms: ['a'] });
    const start = bytes.readUInt32BE(4);
    const expected = createHmac('sha256', SECRET)
      .update(`20:${CHANNEL}`)
      .update(Buffer.concat([bytes.subarray(0, start - 16), bytes.subarray(start)]))
      .digest()
      .subarray(0, 16);
    expect(bytes.readUInt16BE(2)).toBe(8 + 64);
    expect(bytes.subarray(start - 16, start)).toEqual(expected);
    expect(verifiedTag(bytes, CHANNEL, [key])).toEqual(expected);
  });

  it('is skipped by an instance without a secret', () => {
    expect(decodeEnvelope(envelope({ rooms: ['a'] }))).toMatchObject({
      rooms: ['a'],
      frames: Buffer.from('\x81\x0942["x",1]', 'latin1'),
    });
  });

  it('is valid with any of several keys, and with no other', () => {
    const bytes = envelope({ signWith: otherKey });
    expect(verifiedTag(bytes, CHANNEL, [key, otherKey])).toBeInstanceOf(Buffer);
    expect(verifiedTag(bytes, CHANNEL, [key])).toBe('forged');
    expect(verifiedTag(bytes, CHANNEL, [])).toBe('forged');
  });

  it('is valid on one channel only', () => {
    expect(verifiedTag(envelope(), 'propagator:/:user:bob', [key])).toBe('forged');
    expect(verifiedTag(envelope(), `${CHANNEL}:`, [key])).toBe('forged');
  });

  it('covers every bit except the mark for repeated events', () => {
    const bytes = envelope({ rooms: ['a'] });
    const wrong: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const isRepeated = bit === 3 * 8 + 5;
      if ((typeof verifiedTag(copy, CHANNEL, [key]) !== 'string') !== isRepeated) wrong.push(bit);
    }
    expect(wrong).toEqual([]);
    markRepeated(bytes);
    expect(verifiedTag(bytes, CHANNEL, [key])).toBeInstanceOf(Buffer);
  });

  it('is reported as missing if it is missing, and as malformed if it is cut', () => {
    const bytes = envelope();
    const unsigned = Buffer.from(bytes);
    unsigned.writeUInt16BE(0, 2);
    expect(verifiedTag(unsigned, CHANNEL, [key])).toBe('unsigned');
    for (const text of ['', '{"event":"x"}', '\x02'.repeat(60)]) {
      expect(verifiedTag(Buffer.from(text), CHANNEL, [key])).toBe('unsigned');
    }
    for (let length = 28; length < bytes.length; length++) {
      expect(verifiedTag(bytes.subarray(0, length), CHANNEL, [key])).toBe('forged');
    }
    for (const start of [0, 28, 43, 44 + 12, 2 ** 32 - 1]) {
      const copy = Buffer.from(bytes);
      copy.writeUInt32BE(start, 4);
      expect(verifiedTag(copy, CHANNEL, [key])).toBe('forged');
    }
  });
});
