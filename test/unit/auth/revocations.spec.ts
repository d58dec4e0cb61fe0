import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthenticatedIdentity } from '../../../src/index.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { Revocations } from '../../../src/auth/revocations.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const LASTING_MS = 5_000;
/** Not at a whole second. */
const NOW = 1_800_000_000_500;

const who = (userId: string, sessionId = 'phone', iat?: unknown): AuthenticatedIdentity => ({
  userId,
  sessionId,
  ...(iat !== undefined && { iat }),
});

describe('revocations', () => {
  let reporter: Reporter;
  let revocations: Revocations;
  beforeEach(() => {
    jest.useFakeTimers({ now: NOW });
    reporter = new Reporter(new MemoryLogger());
    revocations = new Revocations(LASTING_MS, reporter);
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  /** Whether a new socket of this user and session is refused. */
  const refused = (identity: AuthenticatedIdentity): boolean =>
    revocations.refuses(identity, revocations.now());

  it('refuse nobody without a revocation', () => {
    expect(refused(who('alice'))).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('of a user refuse all sessions of that user, and no other user', () => {
    revocations.add({ userId: 'alice' });

    expect(refused(who('alice', 'phone'))).toBe(true);
    expect(refused(who('alice', 'laptop'))).toBe(true);
    expect(refused(who('bob', 'phone'))).toBe(false);
    expect(refused(who('phone', 'alice'))).toBe(false);
  });

  it('of a session refuse that session, whichever user it belongs to, and no other session', () => {
    revocations.add({ sessionId: 'phone' });

    expect(refused(who('alice', 'phone'))).toBe(true);
    expect(refused(who('bob', 'phone'))).toBe(true);
    expect(refused(who('alice', 'laptop'))).toBe(false);
    expect(refused(who('phone', 'laptop'))).toBe(false);
  });

  it('spare one session each', () => {
    revocations.add({ userId: 'alice', exceptSessionId: 'phone' });

    expect(refused(who('alice', 'phone'))).toBe(false);
    expect(refused(who('alice', 'laptop'))).toBe(true);

    revocations.add({ userId: 'alice', exceptSessionId: 'laptop' });

    expect(refused(who('alice', 'phone'))).toBe(true);
    expect(refused(who('alice', 'laptop'))).toBe(true);
  });

  it('last as long as they should by the monotonic clock, each one separately', () => {
    revocations.add({ userId: 'alice' });
    jest.advanceTimersByTime(LASTING_MS - 1_000);
    revocations.add({ userId: 'bob' });
    jest.setSystemTime(0);

    jest.advanceTimersByTime(999);
    expect([refused(who('alice')), refused(who('bob'))]).toEqual([true, true]);
    jest.advanceTimersByTime(1);
    expect([refused(who('alice')), refused(who('bob'))]).toEqual([false, true]);
    jest.advanceTimersByTime(LASTING_MS);
    expect([refused(who('alice')), refused(who('bob'))]).toEqual([false, false]);
  });

  const second = NOW / 1_000;
  it.each<[string, unknown, boolean]>([
    ['none', undefined, true],
    ['a second before', Math.floor(second) - 1, true],
    ['in the same second, as most issuers round it', Math.floor(second), true],
    ['a second later', Math.floor(second) + 1, false],
    ['a fraction before', second - 0.1, true],
    ['the moment itself', second, false],
    ['a fraction later', second + 0.1, false],
    ['no number', String(second + 10), true],
    ['no time', NaN, true],
  ])('accept only a token that was issued later: %s', (_, iat, is) => {
    revocations.add({ userId: 'alice' });
    expect(refused(who('alice', 'phone', iat))).toBe(is);
  });

  it('compare a token with each revocation', () => {
    revocations.add({ userId: 'alice' });
    jest.advanceTimersByTime(2_000);
    const between = who('alice', 'phone', second + 1.2);
    expect(refused(between)).toBe(false);

    revocations.add({ userId: 'alice', exceptSessionId: 'phone' });
    expect(refused(between)).toBe(false);
    revocations.add({ sessionId: 'phone' });
    expect(refused(between)).toBe(true);
  });

  it('refuse an authentication in progress, however long it takes and whatever the token says', () => {
    const before = revocations.now();
    revocations.add({ userId: 'alice' });
    const after = revocations.now();
    revocations.add({ userId: 'bob' });

    jest.advanceTimersByTime(10 * LASTING_MS);
    const late = who('alice', 'phone', second + 1_000);
    expect(revocations.refuses(late, before)).toBe(true);
    expect(revocations.refuses(late, after)).toBe(false);
    expect(revocations.refuses(who('bob'), before)).toBe(true);
    expect(revocations.refuses(who('bob'), after)).toBe(true);
    expect(revocations.refuses(who('carol'), before)).toBe(false);
  });

  it('without a duration refuse only authentications in progress, and leave nothing behind', () => {
    revocations = new Revocations(0, reporter);
    const before = revocations.now();
    revocations.add({ userId: 'alice' });

    expect(revocations.refuses(who('alice'), before)).toBe(true);
    expect(refused(who('alice'))).toBe(false);
    expect(revocations.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('expire by one timer, which ends with the last one', () => {
    for (let index = 0; index < 1_000; index++) {
      revocations.add({ userId: `user ${index % 10}` });
      jest.advanceTimersByTime(1);
      expect(jest.getTimerCount()).toBe(1);
    }
    expect(revocations.size).toBe(1_000);

    jest.advanceTimersByTime(LASTING_MS + 1_000);

    expect(revocations.size).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
    revocations.add({ userId: 'alice' });
    expect(refused(who('alice'))).toBe(true);
  });

  it('are limited in number: beyond that the oldest end early, which is reported', () => {
    for (let index = 0; index < 100_003; index++) revocations.add({ userId: `user ${index}` });

    expect(revocations.size).toBe(100_000);
    expect(refused(who('user 2'))).toBe(false);
    expect(refused(who('user 3'))).toBe(true);
    expect(reporter.counts()).toEqual({ 'revocation.forgotten': 3 });
  });

  it('end with the app', () => {
    revocations.add({ userId: 'alice' });
    revocations.close();

    expect(jest.getTimerCount()).toBe(0);
    expect(refused(who('alice'))).toBe(false);
  });
});
