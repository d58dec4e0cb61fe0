import { describe, expect, it } from '@jest/globals';
import { forEachSocket } from '../../../../src/socket-io/adapter/room-members.js';

const rooms = new Map(
  Object.entries({ r: ['a', 'b', 'c'], s: ['b', 'c', 'd'], t: ['c', 'd'], one: ['a'] }).map(
    ([room, ids]) => [room, new Set(ids)],
  ),
);
const sids = new Map(['a', 'b', 'c', 'd', 'e'].map((id) => [id, new Set<string>()]));

function members(wanted: string[], except: string[] = [], within?: string): string {
  const ids: string[] = [];
  forEachSocket(
    { membersOf: (room) => rooms.get(room), sids },
    { rooms: wanted, except, within },
    (id) => ids.push(id),
  );
  return ids.join('');
}

describe('the members of rooms', () => {
  it.each<[string, string, string]>([
    ['everybody, where no room is wanted', members([]), 'abcde'],
    ['of one room', members(['r']), 'abc'],
    ['of several, each once', members(['r', 's', 't']), 'abcd'],
    ['of none', members(['nowhere']), ''],
    ['without those of others', members(['r'], ['t', 'nowhere']), 'ab'],
    ['without those of several others', members(['r', 's'], ['t', 'one']), 'b'],
    ['everybody without some', members([], ['r', 't']), 'e'],
    ['within another', members(['r'], [], 's'), 'bc'],
    ['of several within another, without some', members(['r', 's'], ['one'], 't'), 'cd'],
    ['within an empty one', members(['r'], [], 'nowhere'), ''],
    ['everybody within one', members([], [], 'one'), 'a'],
  ])('%s', (_, ids, expected) => {
    expect(ids).toBe(expected);
  });
});
