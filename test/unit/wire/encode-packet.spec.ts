import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Decoder, Encoder } from 'socket.io-parser';
import type { PropagatorError } from '../../../src/errors.js';
import { encodePacket } from '../../../src/wire/encode-packet.js';
import type { SocketIoPacket } from '../../../src/wire/wire-packet.js';

function packetOf(...data: unknown[]): SocketIoPacket {
  return { type: 2, nsp: '/', data };
}

function encode(data: unknown) {
  return encodePacket(new Encoder(), packetOf('event', data));
}

/** The event that a client decodes. */
function decoded(data: unknown): unknown {
  let result: unknown;
  const decoder = new Decoder();
  decoder.on('decoded', (packet) => {
    result = (packet as { data: unknown[] }).data[1];
  });
  for (const part of encode(data)) decoder.add(part);
  return result;
}

/** Elements 3 and 4 of these bytes, as a view into their buffer. */
const bytes = new Uint8Array([1, 2, 3, 4, 5, 6]);
const view = new Uint8Array(bytes.buffer, 2, 2);

describe('an encoded packet', () => {
  it('is one string if there is no binary data', () => {
    expect(encode({ list: [1, 'ü', null, { deep: true }] })).toEqual([
      '2["event",{"list":[1,"ü",null,{"deep":true}]}]',
    ]);
    expect(encodePacket(new Encoder(), packetOf('bare'))).toEqual(['2["bare"]']);
    expect(encodePacket(new Encoder(), { ...packetOf('a'), nsp: '/chat' })).toEqual([
      '2/chat,["a"]',
    ]);
  });

  it.each<[string, unknown, number[]]>([
    ['a Buffer', Buffer.from([1, 2, 3]), [1, 2, 3]],
    ['a Buffer of the pool, which has an offset', Buffer.from('abc').subarray(1), [98, 99]],
    ['an empty Buffer', Buffer.alloc(0), []],
    ['an ArrayBuffer', bytes.buffer, [1, 2, 3, 4, 5, 6]],
    ['a view with an offset', view, [3, 4]],
    ['16-bit numbers', new Uint16Array([1, 256]), [1, 0, 0, 1]],
    ['floating point numbers', new Float32Array([1]), [0, 0, 0x80, 0x3f]],
    ['a DataView with an offset', new DataView(bytes.buffer, 4, 2), [5, 6]],
  ])('carries %s as its bytes', (_, data, expected) => {
    const [text, attachment, ...more] = encode(data);
    expect(text).toBe('51-["event",{"_placeholder":true,"num":0}]');
    expect(Buffer.isBuffer(attachment)).toBe(true);
    expect([...(attachment as Buffer)]).toEqual(expected);
    expect(more).toEqual([]);
  });

  it('carries binary data from anywhere inside the event, in order', () => {
    const given = { first: Buffer.from([1]), list: [{ second: view }, 'text', Buffer.from([5])] };
    expect(encode(given)).toHaveLength(4);
    expect(decoded(given)).toEqual({
      first: Buffer.from([1]),
      list: [{ second: Buffer.from([3, 4]) }, 'text', Buffer.from([5])],
    });
  });

  it('does not change the original data', () => {
    const given = { picture: Buffer.from([1]), nested: { list: [view] } };
    encode(given);
    expect(given).toEqual({ picture: Buffer.from([1]), nested: { list: [view] } });
  });
});

describe('a packet from an encoder of the app', () => {
  it.each<[string, () => unknown, number[]]>([
    ['an ArrayBuffer', () => new Uint8Array([1, 2]).buffer, [1, 2]],
    ['a SharedArrayBuffer', () => new SharedArrayBuffer(2), [0, 0]],
    ['an ArrayBuffer of another context', () => runInNewContext('new ArrayBuffer(2)'), [0, 0]],
    ['a view', () => view, [3, 4]],
  ])('is accepted if it is %s', (_, make, expected) => {
    const parts = encodePacket({ encode: () => ['text', make()] }, packetOf('a'));
    expect(parts[0]).toBe('text');
    expect([...(parts[1] as Buffer)]).toEqual(expected);
  });

  it('is refused if it is neither text nor bytes', () => {
    const encoder = { encode: () => [{ not: 'bytes' }] };
    expect(errorOf(() => encodePacket(encoder, packetOf('a'))).code).toBe('event.unserialisable');
  });
});

describe('data that cannot be serialised', () => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = { back: cycle };

  it.each<[string, unknown, RegExp]>([
    ['a cycle', cycle, /Remove cycles/],
    ['a BigInt', { count: 10n }, /BigInt.*convert BigInt to string/],
    ['a Blob', { file: new Blob(['x']) }, /Blob cannot be sent; read it into a Buffer first/],
    ['nesting too deep for the stack', nested(200_000), /event "event" cannot be serialised/],
    [
      'a toJSON that throws',
      {
        toJSON: () => {
          throw new Error('not today');
        },
      },
      /not today/,
    ],
  ])('is refused with a code and a remedy: %s', (_, data, says) => {
    const error = errorOf(() => encode(data));
    expect(error.code).toBe('event.unserialisable');
    expect(error.message).toContain('"event"');
    expect(error.message).toMatch(says);
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('keeps the encoder usable for the next event', () => {
    const encoder = new Encoder();
    expect(() => encodePacket(encoder, packetOf('a', { file: new Blob(['x']) }))).toThrow('Blob');
    expect(() => encodePacket(encoder, packetOf('a', 1n))).toThrow('BigInt');
    expect(encodePacket(encoder, packetOf('b', 1))).toEqual(['2["b",1]']);
  });
});

function nested(levels: number): unknown {
  let value: unknown = 'core';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function errorOf(work: () => unknown): PropagatorError {
  try {
    work();
  } catch (error) {
    return error as PropagatorError;
  }
  throw new Error('it was accepted');
}
