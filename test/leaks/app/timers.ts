import { createHook } from 'node:async_hooks';

/** Whether a stack says that code of ours asked for something, not a package that it called. */
function ours(stack: string): boolean {
  const [caller = ''] = stack
    .split('\n')
    .filter((line) => line.includes('    at ') && !/node:|\/test\/leaks\//.test(line));
  return caller.includes('/src/') && !caller.includes('node_modules');
}

/** From now on: the timers of ours that wait, also those that would not keep the process, by the line that set them. */
export function watchTimers(): () => string[] {
  const waiting = new Map<number, string>();
  createHook({
    init(id, type) {
      if (type !== 'Timeout') return;
      const { stack = '' } = new Error();
      if (ours(stack)) waiting.set(id, stack);
    },
    destroy(id) {
      waiting.delete(id);
    },
  }).enable();
  return () => [...waiting.values()];
}
