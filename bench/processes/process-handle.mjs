// @ts-check
import { fork } from 'node:child_process';
import { cpuOf } from '../measure/cpu.mjs';

/**
 * Starts a process of a bench and resolves once it is ready.
 *
 * @param {URL} file
 * @param {NodeJS.ProcessEnv} [env]
 * @param {string[]} [execArgv]
 */
export async function startProcess(file, env = {}, execArgv = process.execArgv) {
  const child = fork(file, { env: { ...process.env, ...env }, execArgv });
  const { pid = 0 } = child;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let lastId = 0;
  await new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => {
      const error = new Error(`${file.pathname} ended with ${code ?? signal}`);
      reject(error);
      for (const call of waiting.values()) call.reject(error);
    });
    child.on('message', (/** @type {any} */ message) => {
      if (message.ready) return resolve(undefined);
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error === undefined) call?.resolve(message.value);
      else call?.reject(new Error(message.error));
    });
  });
  /** @returns {Promise<any>} */
  const call = (/** @type {string} */ name, /** @type {unknown[]} */ ...args) =>
    new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      child.send({ id, name, args });
    });
  return {
    pid,
    call,
    /** CPU time used so far, in microseconds. */
    cpu: () => cpuOf(pid),
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const impatience = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await call('close').catch(() => {});
      await ended;
      clearTimeout(impatience);
    },
  };
}

/** @typedef {Awaited<ReturnType<typeof startProcess>>} ProcessHandle */
