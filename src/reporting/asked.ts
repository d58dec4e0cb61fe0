import { soon, type Failed } from './timers.js';

/** Asks a question once for all that ask it in one turn of the event loop, within the time of the first. An error is a no. @internal */
export function asked(
  question: (withinMs: number) => Promise<boolean>,
  failed: Failed,
): (withinMs: number) => Promise<boolean> {
  let next: Promise<boolean> | undefined;
  return (withinMs) => {
    next ??= new Promise((resolve) => {
      soon(failed, async () => {
        next = undefined;
        resolve(await question(withinMs).catch(() => false));
      });
    });
    return next;
  };
}
