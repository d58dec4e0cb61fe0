import { beforeEach, describe, expect, it } from '@jest/globals';
import { EventRing } from '../../../src/recovery/event-ring.js';
import { Session, type SessionStart } from '../../../src/recovery/session.js';
import { encodeEvent, codecOf } from '../../../src/routing/packet-codec.js';
import type { Delivery } from '../../../src/routing/local-namespace.js';
import { EventOffset } from '../../../src/wire/offset.js';
import * as parser from 'socket.io-parser';

const SCOPE = 1;
const CODEC = codecOf(parser);

const event = (offset: string) => ({
  offset,
  key: `${offset} r`,
  frames: Buffer.from(offset),
  compress: true,
  at: 0,
});

describe('the events that a session missed', () => {
  let ring: EventRing;
  beforeEach(() => {
    ring = new EventRing({ maxBytes: 1_000_000, maxAgeMs: 600_000 });
  });

  const add = (offset: string, to: Partial<Delivery> = {}, scope = SCOPE): void => {
    const packet = encodeEvent(CODEC, '/', ['news', offset]);
    const whole = { rooms: [], except: [], volatile: false, compress: true, packet, ...to };
    ring.add(scope, EventOffset.of(offset), whole);
  };
  const given = (rooms: string[], start: Partial<SessionStart> = {}): Session => {
    const since = ring.position;
    const whole = { pid: 'p', sid: 's', namespace: '/', scope: SCOPE, since, base: '', issued: 0 };
    const session = new Session({ ...whole, ...start });
    session.rooms = new Set(rooms);
    return session;
  };
  const after = (session: Session, offset: string, gapAt = -1): unknown => {
    const missed = session.missed(ring, { offset }, gapAt);
    return typeof missed === 'string' ? missed : missed.events.map((each) => each.offset);
  };

  it('are those after the last one that it received, for its rooms', () => {
    const session = given(['r', 'x']);
    add('1', { rooms: ['r'] });
    add('2');
    add('3', { rooms: ['other'] });
    add('4', { rooms: ['s'] });
    add('5', { except: ['x'] });
    add('6', { rooms: ['r', 'x'] });
    add('7', { rooms: ['r'], within: 'other' });
    add('8', { volatile: true });
    add('9', {}, 2);

    expect(after(session, '1')).toEqual(['2', '4', '6']);
    expect(after(session, '')).toEqual(['1', '2', '4', '6']);
    expect(after(session, '8')).toEqual([]);
    expect(after(session, '3')).toBe('not-proven');
    expect(after(session, '9')).toBe('not-proven');
    expect(after(session, '1', ring.position)).toBe('not-proven');
  });

  it('are those of a room while it was in the room', () => {
    const session = given([]);
    const join = (room: string, joined: boolean): void => {
      session.changed({ room, joined, position: ring.position, at: Date.now() }, ring);
      const rooms = new Set(session.rooms);
      if (joined) rooms.add(room);
      else rooms.delete(room);
      session.rooms = rooms;
    };
    add('1', { rooms: ['r'] });
    join('r', true);
    add('2', { rooms: ['r'] });
    join('r', false);
    add('3', { rooms: ['r'] });
    join('r', true);
    add('4', { rooms: ['r'] });

    expect(after(session, '')).toEqual(['2', '4']);
    expect(after(session, '2')).toEqual(['4']);
    expect(after(session, '3')).toBe('not-proven');
  });

  it('leave out late events of a room that it was not in when they were sent', () => {
    const session = given(['r', 's']);
    const change = (joined: boolean, at: number): void =>
      session.changed({ room: 'r', joined, position: ring.position, at }, ring);
    add('1', { rooms: ['r'], asOf: 9 });
    change(true, 10);
    change(false, 20);
    change(true, 30);
    add('2', { rooms: ['r'], asOf: 9 });
    add('3', { rooms: ['r'], asOf: 10 });
    add('4', { rooms: ['r'], asOf: 29 });
    add('5', { rooms: ['r'], asOf: 30 });
    add('6', { rooms: ['r', 's'], asOf: 9 });
    add('7', { rooms: ['r'] });
    expect(after(session, '')).toEqual(['3', '5', '6', '7']);
  });

  it('are not known after a gap, also if no other event came meanwhile', () => {
    const early = given([]);
    add('1');
    const gapAt = ring.skip();
    const later = given([]);
    expect(after(early, '1', gapAt)).toBe('not-proven');
    add('2');
    expect(after(early, '1', gapAt)).toBe('not-proven');
    expect(after(early, '2', gapAt)).toEqual([]);
    expect(after(later, '', gapAt)).toEqual(['2']);
  });

  it('are not known after a gap that came when the last one that it received was the last one of all', () => {
    ring = new EventRing({ maxBytes: 200_000, maxAgeMs: 600_000 });
    const idle = given(['r']);
    add('1', { rooms: ['r'] });
    const gapAt = ring.skip();
    for (let n = 0; n < 5_000; n++) add(`n${n}`, { rooms: ['busy'] });
    expect(ring.start).toBeGreaterThan(gapAt);
    expect(after(idle, '1')).toEqual([]);
    expect(after(idle, '1', gapAt)).toBe('not-proven');
  });

  it('are not known if the last one that it received came twice with the same content', () => {
    const session = given([], { base: 'a', carried: [event('b'), event('c'), event('b')] });
    add('d');
    add('e');
    add('d');
    add('f');
    expect(after(session, 'b')).toBe('not-proven');
    expect(after(session, 'd')).toBe('not-proven');
    expect(after(session, 'c')).toEqual(['b', 'd', 'e', 'd', 'f']);
    expect(after(session, 'e')).toEqual(['d', 'f']);
    expect(after(session, 'f')).toEqual([]);
  });

  it('leave out late events that were sent before it came', () => {
    const session = given([], { issued: 100 });
    add('1', { asOf: 99 });
    add('2', { asOf: 100 });
    expect(after(session, '')).toEqual(['2']);
  });

  it('begin with those that it brought from another instance, each once', () => {
    const session = given(['r'], { base: 'a', carried: [event('b'), event('c')] });
    add('c', { rooms: ['r'] });
    add('d', { rooms: ['r'] });

    expect(after(session, 'a')).toEqual(['b', 'c', 'd']);
    expect(after(session, 'b')).toEqual(['c', 'd']);
    expect(after(session, 'c')).toEqual(['d']);
    expect(after(session, 'd')).toEqual([]);
    expect(after(session, 'earlier')).toBe('not-proven');
    session.forgetCarried();
    expect(after(session, 'b')).toBe('not-proven');
  });

  it('are unknown once they have left the ring, unless the client had the last one of them', () => {
    ring = new EventRing({ maxBytes: 200_000, maxAgeMs: 600_000 });
    const idle = given(['r']);
    const busy = given(['r', 'busy']);
    add('1', { rooms: ['r'] });
    add('2', { rooms: ['r'] });
    for (let n = 0; n < 5_000; n++) add(`n${n}`, { rooms: ['busy'] });
    add('3', { rooms: ['r'] });

    expect(ring.start).toBeGreaterThan(2);
    expect(ring.bytes).toBeLessThanOrEqual(200_000);
    expect(after(idle, '2')).toEqual(['3']);
    expect(after(idle, '1')).toBe('too-much');
    expect(after(idle, '')).toBe('too-much');
    expect(after(busy, '2')).toBe('too-much');
    expect(after(busy, 'n4999')).toEqual(['3']);
  });

  it('have nothing of earlier events whose memory they use', () => {
    ring = new EventRing({ maxBytes: 200_000, maxAgeMs: 600_000 });
    for (let n = 0; n < 3_000; n++)
      add(`n${n}`, { rooms: ['r'], except: ['x'], within: 'w', asOf: 1 });
    const session = given(['r', 'x'], { issued: 100 });
    for (let n = 0; n < 3_000; n++) add(`v${n}`, { rooms: ['r'], volatile: true });
    add('1', { rooms: ['r'] });

    expect(session.missed(ring, { offset: 'v2999' }, -1)).toMatchObject({
      events: [{ offset: '1', key: '1 r', compress: true }],
    });
    expect(ring.at(ring.position - 2)).toMatchObject({ except: [], rooms: ['r'] });
    expect(ring.framesAt(ring.position - 2)).toBeUndefined();
  });

  it('are unknown if too many other rooms had events since', () => {
    ring = new EventRing({ maxBytes: 200_000, maxAgeMs: 600_000 });
    const idle = given(['r']);
    add('1', { rooms: ['r'] });
    const others = (count: number): void => {
      for (let n = 0; n < count; n++) add('other', { rooms: [`room ${ring.position}`] });
    };
    others(60_000);
    expect(after(idle, '1')).toEqual([]);
    others(60_000);
    expect(after(idle, '1')).toBe('too-much');
  });

  it('are kept within the limit, also if each is for many rooms', () => {
    ring = new EventRing({ maxBytes: 200_000, maxAgeMs: 600_000 });
    const rooms = Array.from({ length: 500 }, (_, n) => `room ${n}`);
    for (let n = 0; n < 100; n++) add(`n${n}`, { rooms });
    expect(ring.bytes).toBeLessThanOrEqual(200_000);
    expect(ring.position - ring.start).toBeLessThanOrEqual(6);
  });
});
