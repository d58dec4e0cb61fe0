import { describe, expect, it } from '@jest/globals';
import type { AuthenticatedSocket, CanWatch } from '../../../src/index.js';
import { permittedOf, usersWanted } from '../../../src/presence/watch-permission.js';

const WATCHER = { userId: 'alice', sessionId: 'one' };
const SOCKET = { id: 'a' } as AuthenticatedSocket;

const throwing: CanWatch = () => {
  throw new Error('no');
};

const ask = (answer: unknown) =>
  permittedOf((() => answer) as never, WATCHER, ['bob', '42'], SOCKET, 20);

describe('the permission to watch users', () => {
  it.each<[unknown, readonly string[]]>([
    [true, ['bob', '42']],
    [Promise.resolve(true), ['bob', '42']],
    [[], []],
    [[42n, 'carol', null], ['42']],
    [new Set(['bob', 'bob']), ['bob']],
  ])('is what the app returns: %p', async (answer, permitted) => {
    expect(await ask(answer)).toEqual(permitted);
  });

  it('is refused with false', async () => {
    expect(await ask(false)).toBe('refused');
    expect(await ask(Promise.resolve(false))).toBe('refused');
  });

  it.each([
    [undefined, /returned undefined/],
    [null, /returned null/],
    ['bob', /returned "bob"/],
    [1, /returned 1/],
    [{}, /returned \{\}/],
    [Promise.reject(new Error('no database')), /no database/],
    [new Promise(() => undefined), /longer than 20 ms/],
  ])('fails closed with %p', async (answer, failure) => {
    expect(await ask(answer)).toEqual({ failure: expect.stringMatching(failure) });
  });

  it('fails closed if the function throws, or its list does', async () => {
    expect(await permittedOf(throwing, WATCHER, ['bob'], SOCKET)).toEqual({ failure: 'no' });
    const list = {
      *[Symbol.iterator]() {
        yield 'bob';
        throw new Error('half of it');
      },
    };
    expect(await ask(list)).toEqual({ failure: 'half of it' });
  });

  it('is asked for the watcher, a list that cannot be changed, and the socket', async () => {
    let asked: unknown[] = [];
    await permittedOf((...args) => (asked = args).length > 0, WATCHER, ['bob'], SOCKET);
    expect(asked).toEqual([WATCHER, ['bob'], SOCKET]);
    expect(Object.isFrozen(asked[1])).toBe(true);
  });
});

describe('the users in a request', () => {
  it('are a list of ids, each once', () => {
    expect(usersWanted(['a', 1, '1', 'a'], 9, 10)).toEqual({ userIds: ['a', '1'], impossible: 0 });
    expect(usersWanted([], 9, 10)).toEqual({ userIds: [], impossible: 0 });
  });

  it('are those that can exist', () => {
    const impossible = ['', 'x'.repeat(11), 'ä'.repeat(6), '\ud800', NaN, 2 ** 60];
    expect(usersWanted(['a', ...impossible, 'b'], 9, 10)).toEqual({
      userIds: ['a', 'b'],
      impossible: impossible.length,
    });
  });

  it.each([undefined, null, 'a', { length: 1 }, [null], [{}], ['a', ['b']], [true]])(
    'are none in %p',
    (given) => {
      expect(usersWanted(given, 9, 10)).toEqual({ problem: expect.stringMatching(/^no list/) });
    },
  );
});
