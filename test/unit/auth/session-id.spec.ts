import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import type { Identity } from '../../../src/index.js';
import { continueSession, sessionIdOf } from '../../../src/auth/session-id.js';

const socketOn = (conn: object, more: object = {}): Socket => ({ conn, ...more }) as Socket;
const socket = (): Socket => socketOn({ id: 'engine' });
const alice = (claims: Partial<Identity> = {}): Identity => ({ userId: 'alice', ...claims });

describe('the session of a socket', () => {
  it.each<[string, Partial<Identity>, string]>([
    ['sessionId', { sessionId: 's1', sid: 's2' }, 's1'],
    ['a number', { sessionId: 7 }, '7'],
    ['the claim sid', { sid: 's2' }, 's2'],
    ['the claim sid, where sessionId says nothing', { sessionId: undefined, sid: 's2' }, 's2'],
    ['256 characters', { sessionId: 'x'.repeat(256) }, 'x'.repeat(256)],
  ])('is the id given by the identity: %s', (_, claims, sessionId) => {
    expect(sessionIdOf(alice(claims), socket())).toBe(sessionId);
  });

  it.each<[string, Partial<Identity>]>([
    ['257 characters', { sessionId: 'x'.repeat(257) }],
    ['none', { sessionId: '' }],
    ['half a character', { sessionId: 'half \ud83d' }],
    ['an object', { sessionId: {} as never }],
    ['a claim sid that is none', { sid: true }],
    ['a claim sid of 257 characters', { sid: 'x'.repeat(257) }],
  ])('is missing if the identity gives an invalid id: %s', (_, claims) => {
    expect(sessionIdOf(alice(claims), socket())).toBeUndefined();
  });

  it('is the connection if the identity gives none, and not the id that Engine.IO uses', () => {
    const connection = { id: 'engine' };
    const first = sessionIdOf(alice(), socketOn(connection));
    expect(first).toMatch(/^[\da-f-]{36}$/);
    expect(sessionIdOf(alice({ sid: null }), socketOn(connection))).toBe(first);
    expect(sessionIdOf(alice(), socket())).not.toBe(first);
  });

  it('differs for each user of a connection', () => {
    const connection = {};
    const ofAlice = sessionIdOf(alice(), socketOn(connection));
    const ofBob = sessionIdOf({ userId: 'bob' }, socketOn(connection));
    expect(ofBob).not.toBe(ofAlice);
    expect(sessionIdOf(alice(), socketOn(connection))).toBe(ofAlice);
    expect(sessionIdOf({ userId: 'bob' }, socketOn(connection))).toBe(ofBob);
  });

  it('stays the same if a new token gives none', () => {
    const known = socketOn({}, { auth: { userId: 'alice', sessionId: 's1' } });
    expect(sessionIdOf(alice(), known)).toBe('s1');
    expect(sessionIdOf(alice({ sid: 's2' }), known)).toBe('s2');
  });

  it('stays the same after a recovery, for the same user and a connection of its own', () => {
    const back = socketOn({});
    continueSession(back, 'alice', 'before');
    expect(sessionIdOf(alice(), back)).toBe('before');
    expect(sessionIdOf(alice({ sid: 'other' }), back)).toBe('other');

    const asBob = socketOn({});
    continueSession(asBob, 'alice', 'before');
    expect(sessionIdOf({ userId: 'bob' }, asBob)).not.toBe('before');

    const connection = {};
    const inOtherNamespace = sessionIdOf(alice(), socketOn(connection));
    const late = socketOn(connection);
    continueSession(late, 'alice', 'before');
    expect(sessionIdOf(alice(), late)).toBe(inOtherNamespace);
  });
});
