const STEP_MS = 20;
const STEPS = 75;

/**
 * Blocks this process for 1.5 s, like a breakpoint or a frozen container. The time passes in short
 * steps, so a pause of the whole machine prolongs it.
 */
export function standStill(): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let step = 0; step < STEPS; step++) Atomics.wait(nothing, 0, 0, STEP_MS);
}
