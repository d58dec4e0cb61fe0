import { after, soon, type Failed } from './timers.js';

/** The least time between two questions: many clients come back together. */
const APART_MS = 25;

/**
 * Asks a question once for all that ask it in one turn of the event loop, or soon after the last question; within the time of the
 * first. An error is a no.
 *
 * @internal
 */
export function asked(
  question: (withinMs: number) => Promise<boolean>,
  failed: Failed,
): (withinMs: number) => Promise<boolean> {
  let next: Promise<boolean> | undefined;
  let askedAt = -Infinity;
  return (withinMs) => {
    next ??= new Promise((resolve) => {
      const ask = async (): Promise<void> => {
        next = undefined;
        askedAt = performance.now();
        resolve(await question(withinMs).catch(() => false));
      };
      const restMs = askedAt + APART_MS - performance.now();
      if (restMs > 0) after(restMs, failed, ask);
      else soon(failed, ask);
    });
    return next;
  };
}
