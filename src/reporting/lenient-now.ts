/**
 * Now, in ms since 1970, by the clock that is ahead: the wall clock may be set back, and the monotonic clock stands still while
 * the machine is suspended. When in doubt, a moment counts as later than it was.
 *
 * @internal
 */
export function lenientNow(): number {
  return Math.max(Date.now(), performance.timeOrigin + performance.now());
}
