import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import { tokenOf } from '../../../src/auth/token.js';

interface Handshake {
  auth?: unknown;
  authorization?: string;
  query?: Record<string, string | string[]>;
}

function socketWith({ auth = {}, authorization, query = {} }: Handshake): Socket {
  const headers = authorization === undefined ? {} : { authorization };
  return { handshake: { auth, headers, query } } as unknown as Socket;
}

function tokenIn(handshake: Handshake, tokenFromQuery = false): string | undefined {
  return tokenOf(socketWith(handshake), { tokenFromQuery });
}

// Browsers send `Bearer `, `handshake.auth` or headers. A token in the query string would be in access logs.
describe('the token of a connecting client', () => {
  it.each<[string, Handshake, string | undefined]>([
    ['handshake.auth.token', { auth: { token: 'abc' } }, 'abc'],
    ['a header value in handshake.auth.token', { auth: { token: 'Bearer abc' } }, 'abc'],
    ['the header', { authorization: 'Bearer abc' }, 'abc'],
    ['the header, in lower case', { authorization: 'bearer abc' }, 'abc'],
    ['the header, in upper case', { authorization: 'BEARER abc' }, 'abc'],
    ['the header, with spaces', { authorization: 'Bearer   abc  ' }, 'abc'],
    ['auth before the header', { auth: { token: 'a' }, authorization: 'Bearer b' }, 'a'],
    ['the header where auth is empty', { auth: { token: '' }, authorization: 'Bearer b' }, 'b'],
    ['a token with padding and dots', { authorization: 'Bearer a.b-c_d~+/==' }, 'a.b-c_d~+/=='],
    ['nothing at all', {}, undefined],
    ['another scheme', { authorization: 'Basic dXNlcjpwYXNz' }, undefined],
    ['a scheme alone', { authorization: 'Bearer ' }, undefined],
    ['a scheme that only starts like it', { authorization: 'Bearertoken abc' }, undefined],
    ['a token that is no string', { auth: { token: 42 } }, undefined],
    ['a token that is an object', { auth: { token: { $ne: null } } }, undefined],
    ['no auth at all', { auth: undefined }, undefined],
    ['the query, which is off by default', { query: { token: 'abc' } }, undefined],
  ])('is read from %s', (_, handshake, token) => {
    expect(tokenIn(handshake)).toBe(token);
  });

  it('is read from the query only if that is enabled, and last', () => {
    expect(tokenIn({ query: { token: 'abc' } }, true)).toBe('abc');
    expect(tokenIn({ query: { token: 'q' }, authorization: 'Bearer h' }, true)).toBe('h');
    expect(tokenIn({ query: { token: ['a', 'b'] } }, true)).toBeUndefined();
    expect(tokenIn({ query: { token: '' } }, true)).toBeUndefined();
  });

  it('is read only by the extractor, if there is one', () => {
    const socket = socketWith({ auth: { token: 'a' }, query: { token: 'q' } });
    const given: Socket[] = [];
    const extracting = (token: string | null | undefined) =>
      tokenOf(socket, {
        tokenFromQuery: true,
        extractToken: (connecting) => {
          given.push(connecting);
          return token;
        },
      });
    expect(extracting('mine')).toBe('mine');
    expect(extracting('Bearer mine')).toBe('Bearer mine');
    expect(extracting('')).toBeUndefined();
    expect(extracting(null)).toBeUndefined();
    expect(extracting(undefined)).toBeUndefined();
    expect(given).toEqual([socket, socket, socket, socket, socket]);
  });
});
