import * as standardParser from 'socket.io-parser';
import { describe, expect, it } from '@jest/globals';
import { EventEncoder } from '../../../src/routing/event-encoder.js';
import { NamespaceRegistry } from '../../../src/routing/namespace-registry.js';
import { codecOf } from '../../../src/routing/packet-codec.js';
import { decodeEnvelope } from '../../../src/wire/envelope.js';
import { FakeNamespace } from '../../support/fake-namespace.js';

const ORIGIN = Buffer.from('0123456789abcdef', 'hex');
const MAX_BYTES = 1_000;

function given() {
  const namespaces = new NamespaceRegistry();
  const encoder = new EventEncoder({
    origin: ORIGIN,
    namespaces,
    defaultCodec: codecOf(standardParser),
    maxMessageBytes: MAX_BYTES,
    signed: false,
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
