import { expect, it } from '@jest/globals';
import { EvictedEvents } from '../../../src/recovery/evicted-events.js';
import type { EventOffset } from '../../../src/wire/offset.js';

const SCOPE = 1;
const offset = {} as EventOffset;

it('knows the last event of a room until two generations of rooms have come after it', () => {
  const evicted = new EvictedEvents(3);
  const add = (room: string, position: number) =>
    evicted.add(SCOPE, room, { position, offset, volatileOffset: undefined }, false);
  const lastOf = (room: string, since: number) => evicted.last(SCOPE, [room], since);
  add('mine', 1);
  for (let n = 2; n <= 6; n++) add(`other ${n}`, n);
  expect(lastOf('mine', 0)).toMatchObject({ position: 1 });

  add('other 7', 7);
  expect(lastOf('mine', 0)).toBe('unknown');
  expect(lastOf('mine', 5)).toBeUndefined();
});

it('does not forget that an event for two rooms is lost if the first one was the last of its generation', () => {
  const evicted = new EvictedEvents(3);
  const add = (room: string, position: number) =>
    evicted.add(SCOPE, room, { position, offset, volatileOffset: undefined }, false);
  add('a', 0);
  add('b', 1);
  // One event.
  add('mine', 2);
  add('other', 2);
  for (let n = 3; n <= 6; n++) add(`other ${n}`, n);

  expect(evicted.last(SCOPE, ['mine'], 2)).toBe('unknown');
});
