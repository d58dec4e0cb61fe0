const STEP_MS = 20;
const STEPS = 75;

/**
 * This process does nothing for 1.5 s, as after a breakpoint or in a frozen container. Others have that time: a machine
 * that stands still as well adds to it.
 */
export function standStill(): void {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  for (let step = 0; step < STEPS; step++) Atomics.wait(nothing, 0, 0, STEP_MS);
}
