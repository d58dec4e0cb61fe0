import { describe, expect, it } from '@jest/globals';
import { normalisedUserId } from '../../../src/auth/user-id.js';

// 1234 and "1234" must be one user.
describe('a user id', () => {
  it.each<[unknown, string]>([
    ['42', '42'],
    [42, '42'],
    [42n, '42'],
    [0, '0'],
    [-0, '0'],
    [1.5, '1.5'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [Number.MIN_SAFE_INTEGER, '-9007199254740991'],
    [9_007_199_254_740_993n, '9007199254740993'],
    [' 42 ', ' 42 '],
    ['ü:%/😀', 'ü:%/😀'],
    ['__proto__', '__proto__'],
  ])('%p becomes the user %j', (given, id) => {
    expect(normalisedUserId(given)).toBe(id);
  });

  it.each<[unknown]>([
    [''],
    [undefined],
    [null],
    [Number.NaN],
    [Infinity],
    // Not exact: neighbouring integers have the same value.
    [2 ** 53],
    [-(2 ** 53)],
    [Number('90071992547409931')],
    [1e300],
    [true],
    [{}],
    [['42']],
    [Symbol('42')],
    [() => '42'],
    // Half of a surrogate pair: in UTF-8, and so in the name of a channel, all of these are the same user.
    ['\ud800'],
    ['a\udc00b'],
  ])('%p is refused', (given) => {
    expect(normalisedUserId(given)).toBeUndefined();
  });
});
