import { describe, expect, it } from '@jest/globals';
import * as standardParser from 'socket.io-parser';
import { SendableCopy, type LeftOut } from '../../../src/wire/sendable.js';
import { hostileValues } from '../../support/hostile-values.js';

const ROOM = 100_000;

function copied(value: unknown, bytes = ROOM) {
  const leftOut: [LeftOut, string][] = [];
  const copy = new SendableCopy(bytes, (why, path) => leftOut.push([why, path]));
  return { copy: copy.of(value, 'data'), leftOut };
}

const encode = (value: unknown) =>
  new standardParser.Encoder().encode({ type: 2, nsp: '/', data: ['e', value] });

function nested(depth: number): unknown {
  let value: unknown = 'deep';
  for (let level = 0; level < depth; level++) value = { a: value };
  return value;
}

/** Its content was transferred to another thread. */
function detached(buffer = new ArrayBuffer(8)): ArrayBuffer {
  structuredClone(buffer, { transfer: [buffer] });
  return buffer;
}

function viewOf(change: (buffer: ArrayBuffer) => void): Buffer {
  const buffer = new ArrayBuffer(8);
  const view = Buffer.from(buffer);
  change(buffer);
  return view;
}

describe('the sendable part of a value', () => {
  it('is everything if it is plain data', () => {
    const bytes = Buffer.from([1, 2]);
    const value = { a: [1, 'b', null, true, { c: [] }], bytes, view: new Float64Array(2) };
    const { copy, leftOut } = copied(value);
    expect(copy).toEqual(value);
    expect(leftOut).toEqual([]);
  });

  it('converts dates, classes, functions and holes like JSON', () => {
    class Point {
      x = 1;
      get y() {
        return 2;
      }
    }
    const value = {
      date: new Date(0),
      point: new Point(),
      f: () => 1,
      s: Symbol('s'),
      u: undefined,
      list: [undefined, () => 1],
      map: new Map([[1, 2]]),
    };
    expect(JSON.stringify(copied(value).copy)).toBe(JSON.stringify(value));
    expect(copied(value).leftOut).toEqual([]);
  });

  it.each<[string, unknown, unknown, [LeftOut, string]]>([
    ['a BigInt', { a: 1, big: 2n }, { a: 1 }, ['unserialisable', 'data.big']],
    [
      'a getter that throws',
      Object.defineProperty({ a: 1 }, 'bad', {
        enumerable: true,
        get() {
          throw new Error('bad');
        },
      }),
      { a: 1 },
      ['unserialisable', 'data.bad'],
    ],
    [
      'a buffer that another thread has',
      { a: 1, detached: detached() },
      { a: 1 },
      ['unserialisable', 'data.detached'],
    ],
    [
      'bytes of such a buffer',
      { a: 1, view: new Uint8Array(8), bytes: viewOf(detached) },
      { a: 1, view: new Uint8Array(8) },
      ['unserialisable', 'data.bytes'],
    ],
    ['a Blob', { a: 1, blob: new Blob(['x']) }, { a: 1 }, ['unserialisable', 'data.blob']],
    ['long text', { a: 1, text: 'x'.repeat(ROOM) }, { a: 1 }, ['too-large', 'data.text']],
    [
      'a long name',
      { a: 1, ['x'.repeat(ROOM)]: 1 },
      { a: 1 },
      ['too-large', `data.${'x'.repeat(ROOM)}`],
    ],
    ['many bytes', { a: 1, bytes: Buffer.alloc(ROOM) }, { a: 1 }, ['too-large', 'data.bytes']],
  ])('leaves out %s', (_, value, rest, leftOut) => {
    expect(copied(value)).toEqual({ copy: rest, leftOut: [leftOut] });
  });

  it('leaves out a cycle, and keeps a value that occurs twice without one', () => {
    const twice = { b: 1 };
    const value: Record<string, unknown> = { one: twice, two: twice };
    value['self'] = { again: value };
    expect(copied(value)).toEqual({
      copy: { one: twice, two: twice, self: {} },
      leftOut: [['cycle', 'data.self.again']],
    });
  });

  it('is limited in depth', () => {
    const { copy, leftOut } = copied({ a: 1, deep: nested(100_000) });
    expect(copy).toMatchObject({ a: 1, deep: { a: { a: {} } } });
    expect(leftOut.map(([why]) => why)).toEqual(['too-deep']);
    expect(copied(nested(31)).leftOut).toEqual([]);
  });

  it('is limited in bytes, however many parts there are', () => {
    const list = Array.from({ length: 1_000_000 }, (_, index) => index);
    const { copy, leftOut } = copied({ list, after: 1 });
    expect(Buffer.byteLength(JSON.stringify(copy))).toBeLessThan(ROOM);
    expect(new Set(leftOut.map(([why]) => why))).toEqual(new Set(['too-large']));
    expect(leftOut.length).toBeLessThan(5);
  });

  it('is limited if objects share others, on endless paths', () => {
    const people: Record<string, unknown>[] = Array.from({ length: 12 }, () => ({}));
    for (const person of people) {
      for (const [index, other] of people.entries()) {
        if (person !== other) person[`acquaintance number ${index}`] = other;
      }
    }
    // With little room left, so that no name fits.
    for (let bytes = 1_000; bytes < 1_030; bytes++) {
      const { leftOut } = copied(people[0], bytes);
      expect(leftOut.length).toBeLessThan(10_000);
    }
  });

  it('is limited if wide objects are left out again and again', () => {
    let wide: Record<string, unknown> = {};
    for (let depth = 0; depth < 40; depth++) {
      wide = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`part ${n}`, wide]));
    }
    expect(copied(wide, 256 * 1_024).leftOut.length).toBeLessThan(100_000);
  });

  it('contains nothing that Socket.IO takes for a placeholder of binary data', () => {
    const value = { a: { _placeholder: true, num: 99 }, bytes: Buffer.from('x') };
    expect(copied(value)).toEqual({
      copy: { bytes: Buffer.from('x') },
      leftOut: [['unserialisable', 'data.a']],
    });
  });

  it('does not change prototypes', () => {
    const { copy } = copied(JSON.parse('{"__proto__":{"polluted":1},"a":1}'));
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype);
    expect(JSON.stringify(copy)).toBe('{"__proto__":{"polluted":1},"a":1}');
  });

  it.each(hostileValues)('can always be encoded: %s', (_, make) => {
    const { copy } = copied({ a: 1, value: make() });
    expect(copy).toMatchObject({ a: 1 });
    expect(() => encode(copy)).not.toThrow();
  });
});
