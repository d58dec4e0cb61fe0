import { createHash, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { Encoder } from 'socket.io-parser';
import { areEventFor } from '../../../src/wire/event-frames.js';
import { ChannelNames, type Target } from '../../../src/wire/channel-names.js';
import {
  decodeEnvelope,
  encodeEnvelope,
  markRepeated,
  stampEnvelope,
  type EnvelopeHeader,
} from '../../../src/wire/envelope.js';
import { encodePacket } from '../../../src/wire/encode-packet.js';
import { readFrames, type EncodedPart } from '../../../src/wire/frames.js';
import { signEnvelope, verifiedTag } from '../../../src/wire/signature.js';
import { EVENT_PACKET } from '../../../src/wire/wire-packet.js';

type Bytes = { readonly hex: string } | { readonly repeat: string; readonly times: number };
type Part = string | Bytes;

interface Fields extends Omit<EnvelopeHeader, 'origin' | 'signed' | 'trace'> {
  readonly origin: string;
  readonly repeated: boolean;
  /** Only in version 2. */
  readonly lane?: number;
  readonly number?: number;
  readonly trace: EnvelopeHeader['trace'] | null;
}

interface Message {
  readonly about: string;
  readonly version: number;
  readonly channel: string;
  readonly secret: string | null;
}

interface Vectors {
  readonly channels: readonly {
    readonly prefix: string;
    readonly namespace: string;
    readonly target: string;
    readonly name?: string;
    readonly channel: string;
  }[];
  readonly events: readonly {
    readonly about: string;
    readonly namespace: string;
    readonly event: string;
    readonly args: readonly unknown[];
    readonly parts: readonly Part[];
  }[];
  readonly envelopes: readonly (Message & {
    /** Whether instances write these bytes; otherwise they only read them. */
    readonly reads?: boolean;
    readonly fields: Fields;
    readonly parts: readonly Part[];
    readonly hex?: string;
    readonly sha256?: string;
  })[];
  readonly refused: readonly (Message & { readonly hex: string; readonly kind: string })[];
}

const vectors = JSON.parse(readFileSync('docs/protocol-vectors.json', 'utf8')) as Vectors;

const bytesOf = (given: Bytes): Buffer =>
  Buffer.from('hex' in given ? given.hex : given.repeat.repeat(given.times), 'hex');
const partOf = (part: Part): EncodedPart => (typeof part === 'string' ? part : bytesOf(part));
const isBytes = (value: object): value is Bytes => 'hex' in value || 'repeat' in value;

/** Arguments as an app passes them. */
function valueOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(valueOf);
  if (typeof value !== 'object' || value === null) return value;
  if (isBytes(value)) return bytesOf(value);
  return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, valueOf(entry)]));
}

const keyOf = (secret: string) => createSecretKey(Buffer.from(secret));
/** The namespaces of the vectors are not encoded in their channels. */
const namespaceOf = (channel: string): string => channel.split(':')[1] ?? '';

/** The kind of a message that an instance does not deliver; undefined for one that it delivers. */
function faultOf({ channel, secret }: Message, bytes: Buffer): string | undefined {
  if (secret !== null) {
    const tag = verifiedTag(bytes, channel, [keyOf(secret)]);
    if (typeof tag === 'string') return `message.${tag}`;
  }
  const envelope = decodeEnvelope(bytes);
  if (typeof envelope === 'string') return envelope;
  if (envelope.customParser || areEventFor(namespaceOf(channel), envelope.frames)) return undefined;
  return 'message.malformed';
}

describe('the test vectors of docs/protocol.md', () => {
  it('have both versions of the envelope', () => {
    for (const list of [vectors.envelopes, vectors.refused]) {
      expect([...new Set(list.map(({ version }) => version))]).toEqual([1, 2]);
    }
  });

  it.each(vectors.channels)('name the channel $channel', (vector) => {
    const { prefix, namespace, target, name, channel } = vector;
    const of = { kind: target, namespace, ...(name !== undefined && { id: name }) } as Target;
    expect(new ChannelNames(prefix).of(of)).toBe(channel);
  });

  it.each(vectors.events)('have the packet of an event: $about', (vector) => {
    const { namespace, event, args, parts } = vector;
    const packet = { type: EVENT_PACKET, nsp: namespace, data: [event, ...args.map(valueOf)] };
    expect(encodePacket(new Encoder(), packet)).toEqual(parts.map(partOf));
  });

  it.each(vectors.envelopes)('have the bytes of an envelope: $about', (vector) => {
    const { version, channel, secret, parts, reads = false } = vector;
    const { repeated, trace, origin, lane = 0, number = 0, ...fields } = vector.fields;
    const { bytes } = encodeEnvelope(
      {
        ...fields,
        version,
        origin: Buffer.from(origin, 'hex'),
        signed: secret !== null,
        ...(trace !== null && { trace }),
      } as EnvelopeHeader,
      parts.map(partOf),
    );
    stampEnvelope(bytes, lane, number);
    if (secret !== null) signEnvelope(bytes, channel, keyOf(secret));
    if (repeated) markRepeated(bytes);
    const read = reads ? Buffer.from(vector.hex ?? '', 'hex') : bytes;
    const written =
      vector.hex === undefined
        ? { sha256: createHash('sha256').update(bytes).digest('hex') }
        : { hex: read.toString('hex') };
    expect(vector).toMatchObject(written);

    expect(faultOf(vector, read)).toBeUndefined();
    const { frames, ...decoded } = decodeEnvelope(read) as Exclude<
      ReturnType<typeof decodeEnvelope>,
      string
    >;
    expect({ ...decoded, trace: decoded.trace ?? null }).toMatchObject(vector.fields);
    expect(readFrames(frames)).toEqual(parts.map(partOf));
  });

  it.each(vectors.refused)('have what is dropped as $kind: $about', (vector) => {
    expect(faultOf(vector, Buffer.from(vector.hex, 'hex'))).toBe(vector.kind);
  });
});
