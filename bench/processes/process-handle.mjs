import { fork } from 'node:child_process';

/**
 * Starts a process of a bench and resolves once it is ready.
 *
 * @param {URL} file
 * @param {NodeJS.ProcessEnv} env
 */
export async function startProcess(file, env) {
  const child = fork(file, {
    env: { ...process.env, ...env },
  });
  /** @type {Map<number, (answer: { value: any, cpu: number }) => void>} */
  const waiting = new Map();
  let lastId = 0;
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${file.pathname} ended with ${code}`)));
    child.on('message', (/** @type {any} */ message) => {
      if (message.ready) resolve(undefined);
      else waiting.get(message.id)?.(message);
    });
  });
  /** @returns {Promise<{ value: any, cpu: number }>} */
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) =>
    new Promise((resolve) => {
      const id = ++lastId;
      waiting.set(id, resolve);
      child.send({ id, name, args });
    });
  return {
    call,
    /** CPU time used so far, in microseconds. */
    cpu: async () => (await call('cpu')).cpu,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await call('close');
      await ended;
    },
  };
}
