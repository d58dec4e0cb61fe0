import { describe, expect, it } from '@jest/globals';
import { checkedMetadata } from '../../../src/auth/session-metadata.js';

const LIMIT = 64;

/** Metadata of this many bytes. */
const of = (bytes: number) => ({ a: 'x'.repeat(bytes - '{"a":""}'.length) });

describe('the metadata of a session', () => {
  it('is an immutable copy', () => {
    const given = { device: 'phone', app: { version: 7, tags: ['a'] } };
    const kept = checkedMetadata(given, LIMIT) as typeof given;

    expect(kept).toEqual(given);
    given.app.version = 8;
    expect(kept.app.version).toBe(7);
    for (const part of [kept, kept.app, kept.app.tags]) expect(Object.isFrozen(part)).toBe(true);
  });

  it('is converted like JSON', () => {
    const given = { at: new Date(0), nothing: undefined, not: NaN };
    expect(checkedMetadata(given, LIMIT)).toEqual({ at: '1970-01-01T00:00:00.000Z', not: null });
  });

  it('changes no prototype when it is copied', () => {
    const given: unknown = JSON.parse('{"__proto__":{"admin":true},"a":{"__proto__":{"b":1}}}');
    const kept = checkedMetadata(given, LIMIT);
    expect(JSON.stringify(kept)).toBe('{"a":{}}');
    const copy = Object.assign({}, kept) as { admin?: unknown };
    expect(copy.admin).toBeUndefined();
  });

  it('may come without a prototype', () => {
    const bare = Object.assign(Object.create(null) as object, { device: 'phone' });
    expect(checkedMetadata(bare, LIMIT)).toEqual({ device: 'phone' });
  });

  it('may have exactly the allowed number of bytes', () => {
    expect(checkedMetadata(of(LIMIT), LIMIT)).toEqual(of(LIMIT));
    expect(checkedMetadata(of(LIMIT + 1), LIMIT)).toBe('it takes more than 64 bytes as JSON');
    expect(checkedMetadata({ a: 'ü'.repeat(30) }, LIMIT)).toBe(
      'it takes more than 64 bytes as JSON',
    );
  });

  const cycle: Record<string, unknown> = {};
  cycle['self'] = cycle;
  let deep: Record<string, unknown> = {};
  for (let depth = 0; depth < 100_000; depth++) deep = { deep };
  class Device {
    readonly kind = 'phone';
  }
  it.each<[string, unknown]>([
    ['text', 'phone'],
    ['a list', ['phone']],
    ['null', null],
    ['nothing', undefined],
    ['an object of a class', new Device()],
    ['a Date', new Date()],
    ['a Buffer', Buffer.from('phone')],
    ['an object that says that it is text', { toJSON: () => 'phone' }],
    ['an object that says that it is nothing', { toJSON: () => undefined }],
    ['a cycle', cycle],
    ['a BigInt', { a: 1n }],
    ['nesting without end', deep],
  ])('is not %s', (_, given) => {
    expect(typeof checkedMetadata(given, LIMIT)).toBe('string');
  });
});
