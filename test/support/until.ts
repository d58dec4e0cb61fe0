/** How long a test waits for what has to come. */
export const PATIENCE_MS = 20_000;

/** The most of the time between two looks that counts: a process, or a machine, that stood still has not waited. */
const MOST_BETWEEN_MS = 250;

/** What an instance says whose connection to Redis is being replaced, as on a machine that is too busy to answer in time. */
const PASSING: ReadonlySet<unknown> = new Set(['redis.unavailable', 'redis.timeout']);

/**
 * Waits for a condition, and says what it waited for in vain. A condition that asks Redis while it is away for a moment is
 * asked again.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: () => string,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  let waitedMs = 0;
  let lookedAt = performance.now();
  let failure: unknown;
  const isMet = async (): Promise<boolean> => {
    try {
      return await condition();
    } catch (error) {
      if (!PASSING.has((error as { code?: unknown } | undefined)?.code)) throw error;
      failure = error;
      return false;
    }
  };
  while (!(await isMet())) {
    const now = performance.now();
    waitedMs += Math.min(now - lookedAt, MOST_BETWEEN_MS);
    lookedAt = now;
    if (waitedMs > patienceMs) {
      throw new Error(`waited ${patienceMs} ms in vain for ${what()}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
