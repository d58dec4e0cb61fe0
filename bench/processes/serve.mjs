// @ts-check
import { isError } from '../../scripts/thrown.mjs';

/**
 * Serves a process of a bench: the parent calls functions by name over IPC. `close` is the last call.
 *
 * @param {Record<string, (...args: any[]) => unknown>} calls
 */
export function serve(calls) {
  const answer = async (/** @type {any} */ { id, name, args }) => {
    try {
      process.send?.({ id, value: await calls[name]?.(...args) });
    } catch (error) {
      process.send?.({
        id,
        error: isError(error) ? (error.stack ?? error.message) : String(error),
      });
    }
    if (name === 'close') setImmediate(() => process.exit());
  };
  process.on('message', (message) => void answer(message));
  // An aborted bench leaves nothing behind.
  process.on('disconnect', () => process.exit());
  process.send?.({ ready: true });
}
