import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { RoomChanges, type RoomChange } from '../../../src/recovery/room-changes.js';

const RING = { start: 0 };

describe('the rooms that a socket has joined and left', () => {
  it('tell whether it was in a room', () => {
    const change = fc.record({ room: fc.constantFrom('a', 'b'), steps: fc.nat({ max: 2 }) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 50 }), fc.nat({ max: 100 }), (steps, asked) => {
        const changes = new RoomChanges();
        const rooms = new Map([['a', true]]);
        const before: boolean[] = [];
        let position = 0;
        for (const { room, steps: by } of steps) {
          for (const next = position + by; position < next; position++)
            before[position] = rooms.get('a') === true;
          const joined = rooms.get(room) !== true;
          rooms.set(room, joined);
          changes.add({ room, joined, position, at: 0 }, RING);
        }
        const is = rooms.get('a') === true;
        const isBefore = (one: RoomChange): boolean => one.position <= asked;
        expect(changes.wasIn('a', isBefore, is)).toBe(before[asked] ?? is);
      }),
    );
  });

  it('are not gone through for each event: a client may change its rooms all the time', () => {
    const changes = new RoomChanges();
    for (let i = 0; i < 512; i++)
      changes.add({ room: 'a', joined: i % 2 === 0, position: i, at: i }, RING);
    let looks = 0;
    const isBefore = ({ position }: RoomChange): boolean => ++looks > 0 && position <= 10;
    expect(changes.wasIn('a', isBefore, false)).toBe(true);
    expect(looks).toBeLessThanOrEqual(10);
  });

  it('stay in order if the clock is set back', () => {
    const changes = new RoomChanges();
    changes.add({ room: 'a', joined: true, position: 0, at: 2_000 }, RING);
    changes.add({ room: 'a', joined: false, position: 1, at: 1_000 }, RING);
    expect(changes.wasIn('a', ({ at }) => at <= 1_500, false)).toBe(false);
    expect(changes.wasIn('a', ({ at }) => at <= 2_000, false)).toBe(false);
  });
});
