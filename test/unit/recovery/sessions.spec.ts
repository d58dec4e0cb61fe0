import { expect, it } from '@jest/globals';
import { Session } from '../../../src/recovery/session.js';
import { Sessions } from '../../../src/recovery/sessions.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { userRoom } from '../../../src/routing/reserved-rooms.js';
import { MemoryLogger } from '../../support/memory-logger.js';

it('ends the oldest sessions of a user that comes and goes without end, and no others', () => {
  const options = { maxBytes: 1_000_000, maxDisconnectionMs: 3_600_000, persist: false };
  const reporter = new Reporter(new MemoryLogger());
  const sessions = new Sessions('0123456789abcdef', options, reporter);
  let released = 0;
  const scope = sessions.nextScope();
  sessions.scopes.set(scope, {
    name: '/',
    custom: false,
    roomsOf: () => [],
    // The first one is about to get its client.
    isFree: ({ pid }) => pid !== 'eve 0',
    claim: () => false,
    adopt: () => Promise.resolve(false),
    ended: () => undefined,
    sweep: () => undefined,
  });
  const leave = (userId: string, number: number): Session => {
    const pid = `${userId} ${number}`;
    const session = new Session({
      pid,
      sid: pid,
      namespace: '/',
      scope,
      since: 0,
      base: '',
      issued: 0,
    });
    session.rooms = new Set([userRoom(userId)]);
    session.awaySince = performance.now();
    sessions.add(session);
    sessions.keepAway(session, () => released++);
    return session;
  };
  const others = Array.from({ length: 100 }, (_, number) => leave(`user ${number}`, number));
  const eves = Array.from({ length: 80_000 }, (_, number) => leave('eve', number));
  const ended = eves.filter((session) => !sessions.has(session));

  expect(others.every((session) => sessions.has(session))).toBe(true);
  expect([sessions.has(eves[0]!), sessions.has(eves[1]!), sessions.has(eves.at(-1)!)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(sessions.awayCount).toBeLessThan(67_000);
  expect(reporter.counts()).toEqual({ 'recovery.too-many-away': ended.length });
  expect(released).toBe(ended.length);
  sessions.close();
  expect([sessions.awayCount, sessions.size]).toEqual([0, 0]);
});
