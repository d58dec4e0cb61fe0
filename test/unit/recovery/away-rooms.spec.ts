import { describe, expect, it } from '@jest/globals';
import { AwayRooms } from '../../../src/recovery/away-rooms.js';
import { Session } from '../../../src/recovery/session.js';
import { userRoom } from '../../../src/routing/reserved-rooms.js';

/** A session that counts as ten rooms more than it has beside the user's. */
const sessionOf = (userId: string | null, number: number, rooms = 1): Session => {
  const start = { pid: `${userId} ${number}`, sid: 'sid', namespace: '/', scope: 1 };
  const session = new Session({ ...start, since: 0, base: '', issued: 0 });
  const own = userId === null ? ['lobby'] : [userRoom(userId)];
  session.rooms = new Set([...own, ...Array.from({ length: rooms }, (_, i) => `room ${i}`)]);
  return session;
};

describe('the rooms of clients that are away', () => {
  it('are those of all of them, as long as they are not too many', () => {
    const away = new AwayRooms(100);
    for (let number = 0; number < 10; number++) away.add(sessionOf('alice', number));
    expect(away.surplus()).toEqual([]);
  });

  it.each(['eve', null])('are not taken from others by those of one user (%s)', (userId) => {
    const away = new AwayRooms(1_000);
    const others = Array.from({ length: 50 }, (_, number) => sessionOf(`user ${number}`, 0));
    for (const session of others) away.add(session);
    const ended: Session[] = [];
    for (let number = 0; number < 500; number++) {
      away.add(sessionOf(userId, number));
      for (const session of away.surplus()) {
        ended.push(session);
        away.delete(session);
      }
    }
    const numbers = ended.map(({ pid }) => Number(pid.split(' ').at(-1)));
    expect(ended.filter((session) => others.includes(session))).toEqual([]);
    expect(numbers).toEqual(numbers.map((_, i) => i));
    expect(numbers.length).toBeGreaterThanOrEqual(450);
  });

  it('make room for many at once, also if each client has a user of its own', () => {
    const away = new AwayRooms(1_000);
    const all = Array.from({ length: 101 }, (_, number) => sessionOf(`user ${number}`, 0));
    for (const session of all) away.add(session);
    expect(away.surplus()).toEqual(all.slice(0, 11));
    for (const session of all) away.delete(session);
    expect(away.surplus()).toEqual([]);
  });

  it('count as many as there were when the client left', () => {
    const away = new AwayRooms(1_000);
    const session = sessionOf('alice', 0, 500);
    away.add(session);
    away.add(session);
    session.rooms = new Set();
    away.delete(session);
    away.add(sessionOf('alice', 1, 900));
    expect(away.surplus()).toEqual([]);
  });
});
