/** How long a test waits for what has to come. */
export const PATIENCE_MS = 20_000;

/** The most of the time between two looks that counts: a process, or a machine, that stood still has not waited. */
const MOST_BETWEEN_MS = 250;

/** Waits for a condition, and says what it waited for in vain. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: () => string,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  let waitedMs = 0;
  let lookedAt = performance.now();
  while (!(await condition())) {
    const now = performance.now();
    waitedMs += Math.min(now - lookedAt, MOST_BETWEEN_MS);
    lookedAt = now;
    if (waitedMs > patienceMs) throw new Error(`waited ${patienceMs} ms in vain for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
