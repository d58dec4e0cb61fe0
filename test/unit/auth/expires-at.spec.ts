import { describe, expect, it } from '@jest/globals';
import { expiresAtOf, InvalidExpiry } from '../../../src/auth/expires-at.js';

const MS = 1_900_000_000_000;
const of = (claims: object) => expiresAtOf(claims);

describe('the expiry of an identity', () => {
  it.each<[string, object, number | undefined]>([
    ['a Date', { expiresAt: new Date(MS) }, MS],
    ['ms since 1970', { expiresAt: MS }, MS],
    ['a part of a ms, rather late than early', { expiresAt: MS + 0.1 }, MS + 1],
    ['the claim exp, in seconds', { exp: MS / 1_000 }, MS],
    ['the claim exp, with a fraction', { exp: MS / 1_000 + 0.25 }, MS + 250],
    ['expiresAt before exp', { expiresAt: MS, exp: 1 }, MS],
    ['exp where expiresAt is undefined', { expiresAt: undefined, exp: 7 }, 7_000],
    ['1970', { expiresAt: 0, exp: 7 }, 0],
    ['a time before 1970', { exp: -1 }, -1_000],
    [
      'the end of the year 9999',
      { expiresAt: new Date('9999-12-31T23:59:59.999Z') },
      253402300799999,
    ],
    ['nothing', {}, undefined],
    ['nothing, in so many words', { expiresAt: undefined, exp: undefined }, undefined],
  ])('is the moment given by %s', (_, claims, end) => {
    expect(of(claims)).toBe(end);
  });

  it.each<[string, object]>([
    ['null', { expiresAt: null }],
    ['an invalid Date', { expiresAt: new Date('tomorrow') }],
    ['NaN', { expiresAt: Number.NaN }],
    ['for ever', { expiresAt: Infinity }],
    ['text', { expiresAt: '2030-01-01T00:00:00Z' }],
    ['text with a number', { expiresAt: '1900000000000' }],
    ['a bigint', { expiresAt: 1_900_000_000_000n }],
    ['an object', { expiresAt: {} }],
    ['true', { expiresAt: true }],
    ['the year 10000', { expiresAt: 253402300800000 }],
    ['null in exp', { exp: null }],
    ['text in exp', { exp: '1900000000' }],
    ['a Date in exp', { exp: new Date() }],
    ['NaN in exp', { exp: Number.NaN }],
    ['exp in ms', { exp: MS }],
    ['no time beside a good exp', { expiresAt: 'soon', exp: 7 }],
  ])('is not %s', (_, claims) => {
    expect(of(claims)).toBeInstanceOf(InvalidExpiry);
  });

  it('is refused without quoting the value, only the option', () => {
    expect((of({ expiresAt: 'SECRET' }) as InvalidExpiry).detail).toBe(
      'expiresAt is not a time: write a Date, or ms since 1970; leave it out for "never"',
    );
    expect((of({ exp: 'SECRET' }) as InvalidExpiry).detail).toBe(
      'exp is not a time: write seconds since 1970; leave it out for "never"',
    );
  });
});
