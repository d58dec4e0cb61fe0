import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  decodeClusterMessage,
  encodeClusterMessage,
  type ClusterMessage,
} from '../../../src/wire/cluster-message.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';

const stamp = { origin: Buffer.from('0123456789abcdef', 'hex'), sequence: 3, sentAt: 1_000 };
const member = { host: 'h', pid: 1, startedAt: 2, sockets: 3, users: 2 };

const messages: [string, ClusterMessage][] = [
  ['hello', { type: 'hello', member, beat: 0 }],
  ['a heartbeat', { type: 'heartbeat', member, beat: 7 }],
  ['a good-bye', { type: 'bye', member, beat: 8 }],
  ['a request', { type: 'request', id: 1, operation: 'join', params: { a: [1] }, timeoutMs: 50 }],
  ['a reply', { type: 'reply', id: 1, part: Buffer.from([1, 2]), done: false }],
  ['an error', { type: 'reply', id: 1, error: 'no', done: true }],
];

/** The frames of a packet in an envelope between instances. */
function packed(data: unknown[]): Buffer {
  const header = {
    ...stamp,
    volatile: false,
    compress: true,
    except: [],
    rooms: [],
    customParser: false,
  };
  return encodeEnvelope(header, [`2${JSON.stringify(data)}`], 'cluster').bytes;
}

describe('a message between instances', () => {
  it.each(messages)('is read as it was sent: %s', (_, message) => {
    const bytes = encodeClusterMessage(stamp, message);
    expect(decodeClusterMessage(bytes)).toEqual({
      origin: '0123456789abcdef',
      message,
      size: bytes.length,
    });
  });

  it('that cannot be serialised is refused with a code', () => {
    const message: ClusterMessage = { type: 'reply', id: 1, part: 1n, done: true };
    expect(() => encodeClusterMessage(stamp, message)).toThrow(
      expect.objectContaining({ code: 'event.unserialisable' }),
    );
  });

  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['a name alone', ['hello']],
    ['null', ['hello', null]],
    ['a string', ['hello', 'hello']],
    ['no type', ['x', {}]],
    ['a heartbeat without a member', ['heartbeat', { type: 'heartbeat', beat: 1 }]],
    ['a heartbeat without a number', ['heartbeat', { type: 'heartbeat', member }]],
    ['a request without an id', ['request', { type: 'request', operation: 'x', timeoutMs: 1 }]],
    ['a request without an operation', ['request', { type: 'request', id: 1, timeoutMs: 1 }]],
    ['a reply that does not say whether it is the last', ['reply', { type: 'reply', id: 1 }]],
  ])('is malformed if it carries %s', (_, data) => {
    expect(decodeClusterMessage(packed(data))).toBe('message.malformed');
  });

  it('of a type from a later version is distinguished from a malformed one', () => {
    expect(decodeClusterMessage(packed(['x', { type: 'x' }]))).toBe('message.unknown-kind');
  });

  it('is not an event, and an event is not such a message', () => {
    const header = {
      ...stamp,
      volatile: false,
      compress: true,
      except: [],
      rooms: [],
      customParser: false,
    };
    const { bytes } = encodeEnvelope(header, ['2["hello",{}]']);
    expect(decodeClusterMessage(bytes)).toBe('message.unknown-kind');
  });

  it('never throws, however it is damaged', () => {
    const faults = ['message.malformed', 'message.unknown-version', 'message.unknown-kind'];
    const kinds = messages.map(([, message]) => encodeClusterMessage(stamp, message));
    const known = [...faults, ...messages.map(([, { type }]) => type)];
    fc.assert(
      fc.property(
        fc.constantFrom(...kinds),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        (original, damage, cut) => {
          const bytes = Buffer.from(original);
          for (const [at, byte] of damage) bytes[at % bytes.length] = byte;
          for (const each of [bytes, bytes.subarray(0, cut % bytes.length)]) {
            const decoded = decodeClusterMessage(each);
            const type = typeof decoded === 'string' ? decoded : decoded.message.type;
            expect(known).toContain(type);
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
