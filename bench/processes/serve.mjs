/**
 * Serves a process of a bench: the parent calls by name over IPC, and every answer carries the CPU time that this
 * process has used so far, by the operating system's accounting. `close` is the last call.
 *
 * @param {Record<string, (...args: any[]) => unknown>} calls
 */
export function serve(calls) {
  const answer = async (/** @type {any} */ { id, name, args }) => {
    const value = await calls[name]?.(...args);
    process.send?.({ id, value, cpu: cpuMicroseconds() });
    if (name === 'close') setImmediate(() => process.disconnect?.());
  };
  process.on('message', (message) => void answer(message));
  process.send?.({ ready: true });
}

function cpuMicroseconds() {
  const { user, system } = process.cpuUsage();
  return user + system;
}
