/** How long a test waits for a condition. */
export const PATIENCE_MS = 20_000;

/** The longest time between two checks that counts, so that a frozen process or machine does not use up the time. */
const MAX_BETWEEN_MS = 250;

/**
 * Error codes of an instance whose Redis connection is being replaced, as on a machine that is too busy to answer
 * in time.
 */
const PASSING: ReadonlySet<unknown> = new Set(['redis.unavailable', 'redis.timeout']);

/**
 * Waits for a condition, and fails with a description of it. If the condition rejects because Redis is down for a
 * moment, it is tried again.
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
    waitedMs += Math.min(now - lookedAt, MAX_BETWEEN_MS);
    lookedAt = now;
    if (waitedMs > patienceMs) {
      throw new Error(`waited ${patienceMs} ms in vain for ${what()}`, { cause: failure });
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
