import { beforeEach, describe, expect, it } from '@jest/globals';
import {
  AUTHENTICATED_ROOM,
  sessionRoom,
  userRoom,
} from '../../../../src/routing/reserved-rooms.js';
import { IdentityRooms } from '../../../../src/socket-io/adapter/identity-rooms.js';

const ALICE = { userId: 'alice', sessionId: 'phone' };

describe('IdentityRooms', () => {
  let calls: string[];
  let rooms: IdentityRooms;
  beforeEach(() => {
    calls = [];
    rooms = new IdentityRooms({
      open: (room) => void calls.push(`open ${room}`),
      close: (room) => void calls.push(`close ${room}`),
    });
  });

  const membersOf = (room: string): string[] => [...(rooms.get(room) ?? [])];

  it('opens the rooms of a user and a session with the first socket, and closes them with the last', () => {
    const all = [userRoom('alice'), sessionRoom('phone'), AUTHENTICATED_ROOM];
    expect(rooms.add('1', ALICE)).toEqual(all);
    expect(calls).toEqual(all.map((room) => `open ${room}`));
    rooms.add('2', ALICE);
    expect(rooms.delete('1')).toBe(true);
    expect(calls).toHaveLength(3);
    expect(membersOf(userRoom('alice'))).toEqual(['2']);
    expect(rooms.delete('2')).toBe(true);
    expect(calls.slice(3)).toEqual(all.map((room) => `close ${room}`));
    expect(rooms.get(userRoom('alice'))).toBeUndefined();
  });

  it('keeps the user while another session of the user is there', () => {
    rooms.add('1', ALICE);
    rooms.add('2', { userId: 'alice', sessionId: 'laptop' });
    calls.length = 0;
    rooms.delete('1');
    expect(calls).toEqual([`close ${sessionRoom('phone')}`]);
    expect(membersOf(userRoom('alice'))).toEqual(['2']);
    expect(membersOf(AUTHENTICATED_ROOM)).toEqual(['2']);
  });

  it('knows the identity and the rooms of a socket until the socket is deleted', () => {
    rooms.add('1', ALICE);
    expect(rooms.identityOf('1')).toBe(ALICE);
    expect(rooms.roomsOf('1')).toEqual([
      userRoom('alice'),
      sessionRoom('phone'),
      AUTHENTICATED_ROOM,
    ]);
    rooms.delete('1');
    expect([rooms.identityOf('1'), rooms.roomsOf('1')]).toEqual([undefined, []]);
  });

  it('returns false for a socket without a user, and for one that was deleted before', () => {
    expect(rooms.delete('anonymous')).toBe(false);
    rooms.add('1', ALICE);
    rooms.delete('1');
    calls.length = 0;
    expect(rooms.delete('1')).toBe(false);
    expect(calls).toEqual([]);
  });
});
