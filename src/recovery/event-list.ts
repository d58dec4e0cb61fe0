import type { MissedEvent } from './session.js';

/** An event without its frames: those of all events of a list stand one after the other. @internal */
export type ListedEvent = readonly [
  offset: string,
  key: string,
  compress: boolean,
  ageMs: number,
  bytes: number,
];

/** @internal */
export function listEvents(events: readonly MissedEvent[]): {
  readonly list: ListedEvent[];
  readonly frames: Buffer;
} {
  const now = performance.now();
  const list = events.map(({ offset, key, compress, at, frames }): ListedEvent => [
    offset,
    key,
    compress,
    Math.max(0, Math.round(now - at)),
    frames.length,
  ]);
  return { list, frames: Buffer.concat(events.map(({ frames }) => frames)) };
}

/** The events of a list from another process. What their frames are is not checked. @throws TypeError or RangeError @internal */
export function eventsIn(list: unknown, bytes: Buffer): MissedEvent[] {
  if (!Array.isArray(list)) throw new TypeError('no list of events');
  const now = performance.now();
  let end = 0;
  return list.map((listed: unknown) => {
    if (!isListed(listed)) throw new TypeError('an event of another form');
    const [offset, key, compress, ageMs, length] = listed;
    const start = end;
    end += length;
    if (end > bytes.length) throw new RangeError('an event that is not there');
    return { offset, key, compress, at: now - ageMs, frames: bytes.subarray(start, end) };
  });
}

function isListed(listed: unknown): listed is ListedEvent {
  if (!Array.isArray(listed)) return false;
  const [offset, key, compress, ageMs, bytes] = listed as unknown[];
  return (
    typeof offset === 'string' &&
    typeof key === 'string' &&
    typeof compress === 'boolean' &&
    isCount(ageMs) &&
    isCount(bytes)
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
