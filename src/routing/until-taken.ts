import { pause } from '../reporting/timers.js';
import type { EventPublisher } from './event-publisher.js';

const PAUSE_MS = 5;

/** Resolves to true once Redis has taken all events that were sent before now. @internal */
export async function untilTaken(
  publisher: Pick<EventPublisher, 'heads' | 'backlog'>,
  withinMs: number,
): Promise<boolean> {
  const end = performance.now() + withinMs;
  for (;;) {
    const lasts = new Map(publisher.heads().map(({ lane, last }) => [lane, last]));
    // An event whose publish failed goes to the outbox, and gets another number.
    const isTaken = (): boolean =>
      publisher.heads().every(({ lane, head }) => head >= (lasts.get(lane) ?? 0));
    if (!(await isMetBefore(end, isTaken))) return false;
    if (publisher.backlog.events === 0) return true;
    if (performance.now() >= end) return false;
    await pause(PAUSE_MS);
  }
}

/** Resolves to true once the publish history has all events that Redis may have taken. @internal */
export function untilRepeated(
  publisher: Pick<EventPublisher, 'hasRepeated'>,
  withinMs: number,
): Promise<boolean> {
  return isMetBefore(performance.now() + withinMs, () => !publisher.hasRepeated);
}

/** Waits for a condition until a moment of the monotonic clock (`performance.now()`). */
async function isMetBefore(end: number, condition: () => boolean): Promise<boolean> {
  while (!condition()) {
    if (performance.now() >= end) return false;
    await pause(PAUSE_MS);
  }
  return true;
}
