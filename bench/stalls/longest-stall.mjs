/**
 * Watches the event loop: a timer that is due every millisecond measures how late it is.
 * (`perf_hooks.monitorEventLoopDelay` measures the same and adds its resolution to every figure.)
 */
export function watchEventLoop() {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  return {
    /** The longest time in ms that the event loop was blocked, since the last call. */
    longest() {
      const value = longest;
      longest = 0;
      last = performance.now();
      return value;
    },
    stop: () => clearInterval(timer),
  };
}
