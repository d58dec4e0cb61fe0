import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { eventsIn, listEvents } from '../../../src/recovery/event-list.js';
import type { MissedEvent } from '../../../src/recovery/session.js';

const listed = fc.tuple(fc.string(), fc.string(), fc.boolean(), fc.nat(), fc.nat(8));
const bytes = fc.uint8Array({ maxLength: 16 }).map((each) => Buffer.from(each));
const strange = fc.oneof(
  fc.anything(),
  fc.array(fc.anything()),
  fc.array(
    fc.tuple(fc.string(), fc.string(), fc.boolean(), fc.oneof(fc.double(), fc.nat()), fc.integer()),
  ),
  fc.array(fc.oneof({ weight: 5, arbitrary: listed }, fc.anything())),
);

/** The events, or the name of the error. */
function readOrFault(list: unknown, frames: Buffer): MissedEvent[] | string {
  try {
    return eventsIn(list, frames);
  } catch (error) {
    return (error as Error).name;
  }
}

describe('a list of events', () => {
  it('is read as it was', () => {
    const event = fc.record({
      offset: fc.string(),
      key: fc.string(),
      compress: fc.boolean(),
      frames: bytes,
    });
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const { list, frames } = listEvents(
          events.map((each) => ({ ...each, at: performance.now() })),
        );
        const read = eventsIn(JSON.parse(JSON.stringify(list)), frames);
        expect(read.map((each) => ({ ...each, at: 0 }))).toEqual(
          events.map((each) => ({ ...each, at: 0 })),
        );
        for (const { at } of read) expect(at).toBeLessThanOrEqual(performance.now());
      }),
    );
  });

  it('of another form is refused, or has whole events', () => {
    fc.assert(
      fc.property(strange, bytes, (list, frames) => {
        const read = readOrFault(list, frames);
        if (typeof read === 'string') return ['TypeError', 'RangeError'].includes(read);
        for (const { offset, key, compress, at, frames: own } of read) {
          expect([typeof offset, typeof key, typeof compress]).toEqual([
            'string',
            'string',
            'boolean',
          ]);
          expect(Number.isFinite(at) && Buffer.isBuffer(own)).toBe(true);
        }
        const length = read.reduce((sum, each) => sum + each.frames.length, 0);
        expect(length).toBeLessThanOrEqual(frames.length);
        return true;
      }),
    );
  });
});
