/** The pauses between attempts: the options of Socket.IO. @internal */
export interface Delays {
  readonly reconnectionDelay?: number | undefined;
  readonly reconnectionDelayMax?: number | undefined;
  readonly randomizationFactor?: number | undefined;
}

/** The longest time of a timer, which would end at once after a longer one. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A time for a timer: `Infinity` is a long one. @internal */
export function timerMs(ms: number): number {
  return Math.min(ms, MAX_TIMER_MS);
}

/** The pause after so many failed attempts: it grows, and is random, so that clients do not come all at once. @internal */
export function delayAfter(
  failures: number,
  {
    reconnectionDelay = 1_000,
    reconnectionDelayMax = 5_000,
    randomizationFactor = 0.5,
  }: Delays = {},
): number {
  const delay = Math.min(reconnectionDelayMax, reconnectionDelay * 2 ** Math.min(failures, 16));
  return timerMs(delay * (1 + randomizationFactor * (2 * Math.random() - 1)));
}

/** A time in ms that the server has sent; undefined if it is none. At most a minute. @internal */
export function msIn(given: unknown): number | undefined {
  return typeof given === 'number' && given >= 0 ? Math.min(given, 60_000) : undefined;
}
