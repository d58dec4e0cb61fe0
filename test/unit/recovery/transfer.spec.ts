import { describe, expect, it } from '@jest/globals';
import type { MissedEvent } from '../../../src/recovery/session.js';
import { readTransfer, TransferWriter, type MovedSession } from '../../../src/recovery/transfer.js';
import { encodeClusterMessage } from '../../../src/wire/cluster-message.js';

const MIB = 1024 * 1024;
const STAMP = { origin: Buffer.alloc(8), sequence: 2 ** 48 - 1, sentAt: Date.now(), signed: true };

const sessionWith = (more: Partial<MovedSession>): MovedSession => ({
  rooms: [],
  data: {},
  custom: false,
  base: '',
  upTo: '',
  events: [],
  ...more,
});

const eventOf = (bytes: number, key = 'key'): MissedEvent => ({
  offset: 'A'.repeat(19),
  frames: Buffer.alloc(bytes),
  compress: true,
  key,
  at: 0,
});

/** The results of sessions that were sent in messages of at most so many bytes. */
function sent(
  sessions: readonly MovedSession[],
  maxMessageBytes: number,
): { readonly results: (string | number | undefined)[]; readonly largest: number } {
  const parts: unknown[] = [];
  const writer = new TransferWriter((part) => parts.push(part), maxMessageBytes);
  for (const [item, session] of sessions.entries()) writer.add(item, session);
  writer.flush();
  const sizes = parts.map((part, number) => {
    const message = { type: 'reply', id: 2 ** 53 - 1, number, done: false, part } as const;
    return encodeClusterMessage(STAMP, message).length;
  });
  const found = readTransfer(parts);
  const results = sessions.map((_, item) => {
    const result = found.get(item);
    return typeof result === 'object' ? result.events.length : result;
  });
  return { results, largest: Math.max(...sizes) };
}

describe('sessions on their way to another instance', () => {
  it.each<[string, Partial<MovedSession>]>([
    ['data', { data: { text: 'x'.repeat(10_000) } }],
    ['rooms', { rooms: Array.from({ length: 300 }, (_, i) => `a room with a long name ${i}`) }],
    ['events for many rooms', { events: [eventOf(10, 'many rooms '.repeat(1_000))] }],
  ])('are in messages that fit, however much of %s there is', (_, more) => {
    const sessions = Array.from({ length: 500 }, () => sessionWith({ ...more }));
    const { results, largest } = sent(sessions, 4 * MIB);
    expect(new Set(results)).toEqual(new Set([more.events?.length ?? 0]));
    expect(largest).toBeLessThan(MIB);
  });

  it.each<[string, Partial<MovedSession>]>([
    ['its data', { data: Buffer.alloc(100_000) }],
    ['an event', { events: [eventOf(10), eventOf(65_000)] }],
    ['the names of its rooms', { rooms: Array.from({ length: 300 }, () => '\u0000'.repeat(256)) }],
  ])('do not fail because of one for which %s is too large', (_, more) => {
    const shared = eventOf(10);
    const small = sessionWith({ rooms: ['a'], events: [shared, eventOf(60_000)] });
    const { results, largest } = sent([small, sessionWith(more), small], 65_536);
    expect(results).toEqual([2, 'too-much', 2]);
    expect(largest).toBeLessThanOrEqual(65_536);
  });
});
