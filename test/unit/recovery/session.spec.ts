import { describe, expect, it } from '@jest/globals';
import * as parser from 'socket.io-parser';
import { EventRing } from '../../../src/recovery/event-ring.js';
import { Session } from '../../../src/recovery/session.js';
import { EventOffset, offsetPrefix } from '../../../src/wire/offset.js';
import { WirePacket } from '../../../src/wire/wire-packet.js';

const HERE = offsetPrefix('00000000000000aa');
const BEFORE = offsetPrefix('00000000000000bb');
const SCOPE = 1;

const offsetOf = (prefix: string, sequence: number): string =>
  new EventOffset(prefix, sequence).text;
const isUpTo = (offset: string, last: string): boolean =>
  EventOffset.of(offset).isUpTo(EventOffset.of(last));

describe('the events of a session that came from another instance', () => {
  it('are without those that waited for Redis while the sockets of that instance had them', () => {
    const ring = new EventRing({ maxBytes: 1_000_000, maxAgeMs: 60_000 });
    const add = (offset: string): void => {
      const packet = new WirePacket({ frames: Buffer.from(offset) }, parser);
      ring.add(SCOPE, EventOffset.of(offset), {
        packet,
        rooms: [],
        except: [],
        volatile: false,
        compress: true,
      });
    };
    const carried = [7, 8].map((sequence) => {
      const offset = offsetOf(BEFORE, sequence);
      return { offset, frames: Buffer.from(offset), compress: true, key: `${offset} `, at: 0 };
    });
    const session = new Session({
      pid: 'pid',
      sid: 'sid',
      namespace: '/',
      scope: SCOPE,
      since: ring.position,
      base: offsetOf(BEFORE, 6),
      issued: Date.now(),
      carried,
      upTo: offsetOf(BEFORE, 8),
    });
    const offsets = [
      offsetOf(BEFORE, 5),
      offsetOf(HERE, 1),
      offsetOf(BEFORE, 6),
      offsetOf(BEFORE, 8),
      offsetOf(BEFORE, 9),
    ];
    for (const offset of offsets) add(offset);

    expect(session.missed(ring, { offset: offsetOf(BEFORE, 6) }, -1)).toMatchObject({
      events: [7, 8]
        .map((sequence) => offsetOf(BEFORE, sequence))
        .concat(offsetOf(HERE, 1), offsetOf(BEFORE, 9))
        .map((offset) => ({ offset })),
    });
  });

  it('compares offsets of one origin by their numbers', () => {
    for (const [a, b] of [
      [1, 2],
      [63, 64],
      [2 ** 24 - 1, 2 ** 24],
      [2 ** 40, 2 ** 41],
    ] as const) {
      expect(isUpTo(offsetOf(HERE, a), offsetOf(HERE, b))).toBe(true);
      expect(isUpTo(offsetOf(HERE, a), offsetOf(HERE, a))).toBe(true);
      expect(isUpTo(offsetOf(HERE, b), offsetOf(HERE, a))).toBe(false);
      expect(isUpTo(offsetOf(HERE, a), offsetOf(BEFORE, b))).toBe(false);
    }
    expect(isUpTo('short', offsetOf(HERE, 1))).toBe(false);
    expect(isUpTo(offsetOf(HERE, 1), '')).toBe(false);
  });
});
