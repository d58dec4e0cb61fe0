import { expect, it } from '@jest/globals';
import { LaterIndex, type LaterEvent } from '../../../src/recovery/later.js';

it('finds the later events of some rooms and of all sockets, each once and in their order', () => {
  const audiences = [['a'], [], ['b'], ['a', 'b'], ['c'], [], ['a']];
  const events = audiences.map((rooms, number) => ({
    namespace: '/',
    custom: false,
    delivery: { rooms },
    event: { offset: `${number}` },
  })) as unknown as LaterEvent[];
  const index = new LaterIndex(events);
  const found = (...rooms: string[]): (string | undefined)[] =>
    index.forRooms(rooms).map(({ event }) => event?.offset);
  expect(found('b', 'a')).toEqual(['0', '1', '2', '3', '5', '6']);
  expect(found('c', 'unknown')).toEqual(['1', '4', '5']);
  expect(found()).toEqual(['1', '5']);
});
