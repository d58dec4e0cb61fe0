import { describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { ChannelNames, normalisedNamespace, type Target } from '../../../src/wire/channel-names.js';
import { MemoryLogger } from '../../support/memory-logger.js';

/** Names of separators and words that occur in channel names, to provoke collisions. */
const tricky = fc
  .array(
    fc.oneof(
      fc.constantFrom('%', ':', '/', '%3A', '%25', 'user', 'room', 'all', 'authenticated', '1', ''),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 5 },
  )
  .map((pieces) => pieces.join(''));

const namespaces = tricky.map(normalisedNamespace);
const targets: fc.Arbitrary<Target> = fc.oneof(
  fc.record({ kind: fc.constantFrom('all', 'authenticated'), namespace: namespaces }),
  fc.record({ kind: fc.constantFrom('user', 'room'), namespace: namespaces, id: tricky }),
);

const prefixes = fc
  .array(fc.stringMatching(/^[\w.-]{1,3}$/), { minLength: 1, maxLength: 3 })
  .map((pieces) => pieces.join(':'));

const channelOf = (prefix: string, target: Target): string => new ChannelNames(prefix).of(target);

describe('channel names', () => {
  it.each<[Target, string]>([
    [{ kind: 'all', namespace: '/' }, 'propagator:/:all'],
    [{ kind: 'authenticated', namespace: '/' }, 'propagator:/:authenticated'],
    [{ kind: 'user', namespace: '/chat', id: '42' }, 'propagator:/chat:user:42'],
    [{ kind: 'room', namespace: '/', id: 'a:b%c' }, 'propagator:/:room:a:b%c'],
    [{ kind: 'all', namespace: '/a:b%' }, 'propagator:/a%3Ab%25:all'],
  ])('for %j are %s, as docs/protocol.md promises to publishers', (target, name) => {
    expect(channelOf('propagator', target)).toBe(name);
  });

  it('differ for different targets, also of different apps', () => {
    const addressed = fc.tuple(prefixes, targets);
    fc.assert(
      fc.property(addressed, addressed, (one, other) => {
        const same = JSON.stringify(normal(one)) === JSON.stringify(normal(other));
        expect(channelOf(...one) === channelOf(...other)).toBe(same);
      }),
      { numRuns: 5000 },
    );
  });

  it('differ for targets that differ in one part only', () => {
    fc.assert(
      fc.property(prefixes, targets, targets, (prefix, one, other) => {
        const mixed = { ...one, ...other } as Target;
        const swapped = { ...mixed, namespace: one.namespace } as Target;
        const same =
          JSON.stringify(normal([prefix, mixed])) === JSON.stringify(normal([prefix, swapped]));
        expect(channelOf(prefix, mixed) === channelOf(prefix, swapped)).toBe(same);
      }),
      { numRuns: 2000 },
    );
  });

  it('are cached for namespaces in use, however many others come and go', () => {
    const names = new ChannelNames('app');
    const replace = jest.spyOn(String.prototype, 'replace');
    for (let number = 0; number < 10_000; number++) {
      expect(names.of({ kind: 'all', namespace: '/busy' })).toBe('app:/busy:all');
      names.of({ kind: 'all', namespace: `/${number}` });
    }
    const ofBusy = replace.mock.contexts.filter((text) => String(text) === '/busy').length;
    replace.mockRestore();
    expect(ofBusy).toBe(1);
    const held = Object.values(names as unknown as Record<string, unknown>);
    const sizes = held.map((value) => (value instanceof Map ? value.size : 0));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
  });

  it('have a prefix that a namespace cannot continue', () => {
    fc.assert(
      fc.property(prefixes, (prefix) => {
        expect(resolveOptions({ prefix }, new MemoryLogger()).prefix).toBe(prefix);
      }),
      { numRuns: 100 },
    );
    for (const prefix of ['a:/b', 'a/b']) {
      expect(() => resolveOptions({ prefix }, new MemoryLogger())).toThrow('prefix');
    }
  });
});

/** Ignores the order of keys, and the id if the kind has none. */
function normal([prefix, target]: [string, Target]): unknown[] {
  return [prefix, target.kind, target.namespace, 'id' in target ? target.id : null];
}

describe('a namespace', () => {
  it.each([
    ['/', '/'],
    ['chat', '/chat'],
    ['/chat', '/chat'],
    ['', '/'],
    ['//', '//'],
  ])('%j is %j to Socket.IO', (given, normalised) => {
    expect(normalisedNamespace(given)).toBe(normalised);
  });
});
