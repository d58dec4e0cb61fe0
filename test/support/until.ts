const PATIENCE_MS = 20_000;

/** Waits for a condition, and says what it waited for in vain. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: () => string,
  patienceMs: number = PATIENCE_MS,
): Promise<void> {
  const end = Date.now() + patienceMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${patienceMs} ms in vain for ${what()}`);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
