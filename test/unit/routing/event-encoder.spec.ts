import * as standardParser from 'socket.io-parser';
import { describe, expect, it } from '@jest/globals';
import { EventEncoder, type EncodedEvent } from '../../../src/routing/event-encoder.js';
import { NamespaceRegistry } from '../../../src/routing/namespace-registry.js';
import { Offsets } from '../../../src/routing/offsets.js';
import { codecOf } from '../../../src/routing/packet-codec.js';
import { decodeEnvelope, sequenceOf } from '../../../src/wire/envelope.js';
import { FakeNamespace } from '../../support/fake-namespace.js';

const ORIGIN = Buffer.from('0123456789abcdef', 'hex');
const MAX_BYTES = 1_000;

function given(offsets?: Offsets) {
  const namespaces = new NamespaceRegistry();
  const encoder = new EventEncoder({
    origin: ORIGIN,
    namespaces,
    defaultCodec: codecOf(standardParser),
    maxMessageBytes: MAX_BYTES,
    signed: false,
    offsets,
  });
  return { namespaces, encoder };
}

describe('the encoder of events', () => {
  it('encodes once, and shares the frames between the envelope and the sockets of this instance', () => {
    const { namespaces, encoder } = given();
    const namespace = new FakeNamespace('/');
    namespaces.add(namespace);
    const event = {
      namespace: '/',
      data: ['tick', 1],
      except: ['a'],
      rooms: ['b'],
      volatile: true,
    };
    const { bytes, packet } = encoder.encode(event);
    expect(namespace.encoded).toBe(1);
    expect(packet.frames.buffer).toBe(bytes.buffer);
    expect(decodeEnvelope(bytes)).toMatchObject({
      origin: '0123456789abcdef',
      sequence: 1,
      volatile: true,
      compress: true,
      customParser: false,
      except: ['a'],
      rooms: ['b'],
      frames: packet.frames,
    });
  });

  it('gives each event a number and an offset of its own, also one that is sent while another one is encoded', () => {
    const offsets = new Offsets(ORIGIN);
    const { encoder } = given(offsets);
    const inner: EncodedEvent[] = [];
    // A logger of the app that sends its lines to clients.
    const toJSON = (): string => {
      inner.push(encoder.encode({ namespace: '/', data: ['log'] }));
      return 'an order';
    };
    const outer = encoder.encode({ namespace: '/', data: ['order', { toJSON }] });
    const last = encoder.encode({ namespace: '/', data: ['order'] });
    const all = [outer, ...inner, last];
    const sequences = all.map(({ bytes }) => sequenceOf(bytes));
    expect(inner.length).toBeGreaterThan(0);
    expect(new Set(sequences).size).toBe(all.length);
    expect(all.map(({ offset }) => offset)).toEqual(sequences.map((one) => offsets.ofOwn(one)));
    expect(all.map(({ packet }) => packet.packet?.data.at(-1))).toEqual(
      all.map(({ offset }) => offset?.text),
    );
  });

  it('refuses events that are too large or have names that cannot be encoded, and gives them no number', () => {
    const { encoder } = given();
    const refused = [
      { namespace: '/', data: ['large', 'x'.repeat(MAX_BYTES)] },
      { namespace: '/', data: ['bigint', 1n] },
      { namespace: '/', data: ['tick'], except: ['x'.repeat(70_000)] },
    ];
    const codes = refused.map((event) => {
      try {
        return encoder.encode(event);
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    expect(codes).toEqual(['event.too-large', 'event.unserialisable', 'target.invalid']);
    const { bytes } = encoder.encode({ namespace: '/', data: ['tick'] });
    expect(decodeEnvelope(bytes)).toMatchObject({ sequence: 1 });
  });
});
