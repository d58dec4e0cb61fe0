import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { decodeExternalEvent, isExternal } from '../../../src/wire/external-event.js';
import { RESERVED_EVENTS } from '../../../src/wire/reserved-events.js';

function decode(json: string) {
  return decodeExternalEvent(Buffer.from(json));
}

describe('an event from outside', () => {
  it.each([
    ['{"event":"tick","data":1}', { event: 'tick', data: 1, except: [] }],
    ['{"event":"tick"}', { event: 'tick', data: undefined, except: [] }],
    ['{"event":"tick","data":null}', { event: 'tick', data: null, except: [] }],
    ['{ "data": {"ü": [1]}, "event": "ä" }\n', { event: 'ä', data: { ü: [1] }, except: [] }],
    [
      '{"event":"a","except":["s1","room"]}',
      { event: 'a', data: undefined, except: ['s1', 'room'] },
    ],
    ['{"event":"a","data":1,"more":true}', { event: 'a', data: 1, except: [] }],
  ])('is read: %s', (json, event) => {
    expect(isExternal(Buffer.from(json))).toBe(true);
    expect(decode(json)).toEqual(event);
  });

  it.each([
    ['{', 'not JSON'],
    ['{"event":"a"', 'not JSON'],
    ["{'event':'a'}", 'not JSON'],
    ['{"event":"a"}{"event":"b"}', 'not JSON'],
    ['{}', '"event" must be a non-empty string'],
    ['{"event":""}', '"event" must be a non-empty string'],
    ['{"event":5}', '"event" must be a non-empty string'],
    ['{"event":["a"]}', '"event" must be a non-empty string'],
    ['{"data":1}', '"event" must be a non-empty string'],
    ['{"event":"a","except":"s1"}', '"except" must be a list of rooms or socket ids'],
    ['{"event":"a","except":[1]}', '"except" must be a list of rooms or socket ids'],
    ['{"event":"a","except":null}', '"except" must be a list of rooms or socket ids'],
  ])('is refused with a reason: %s', (json, words) => {
    expect(decode(json)).toBe(words);
  });

  // Reserved names such as `connect` and `error` must be refused.
  it.each([...RESERVED_EVENTS])('is refused where its name is reserved: %s', (event) => {
    expect(decode(JSON.stringify({ event }))).toBe(`"${event}" is a reserved event name`);
  });

  // Malformed JSON must not end the process.
  it('never throws, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const external = Buffer.from([0x7b, ...bytes]);
        expect(isExternal(external)).toBe(true);
        expect(typeof decodeExternalEvent(external)).toBe('string');
      }),
    );
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(['string', 'object']).toContain(typeof decode(`{"event":${json},"except":${json}}`));
      }),
    );
  });

  it.each([[[]], [[0x01]], [[0x20, 0x7b]], [[0x5b]]])(
    'starts with a brace, not with %j',
    (bytes) => {
      expect(isExternal(Buffer.from(bytes))).toBe(false);
    },
  );
});

describe('the reserved event names', () => {
  it('are those of Socket.IO and of an EventEmitter', () => {
    expect([...RESERVED_EVENTS].sort()).toEqual([
      'connect',
      'connect_error',
      'disconnect',
      'disconnecting',
      'error',
      'newListener',
      'removeListener',
    ]);
  });
});
