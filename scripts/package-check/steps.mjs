// @ts-check
import { execFile } from 'node:child_process';
import { messageOf } from '../thrown.mjs';

let failures = 0;

/**
 * Does one step of the check and prints the result in one line.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>} undefined when it failed
 */
export async function step(name, work) {
  const start = Date.now();
  const line = (/** @type {string} */ outcome) =>
    console.log(`${outcome}  ${name} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  try {
    const result = await work();
    line('ok    ');
    return result;
  } catch (error) {
    failures += 1;
    line('FAILED');
    console.log(messageOf(error));
    return undefined;
  }
}

/** The number of failed steps. */
export const failed = () => failures;

/**
 * Runs a command to its end. Rejects with the whole output unless it exits with 0.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<string>} the standard output
 */
export function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

/**
 * Runs several jobs, two at a time: installing waits for the network, and compiling takes a core.
 *
 * @template T
 * @param {(() => Promise<T>)[]} works
 * @returns {Promise<T[]>} in the order of the list
 */
export async function twoAtATime(works) {
  const results = /** @type {T[]} */ ([]);
  const rest = [...works.entries()];
  const next = async () => {
    for (let entry = rest.shift(); entry; entry = rest.shift()) {
      const [index, work] = entry;
      results[index] = await work();
    }
  };
  await Promise.all([next(), next()]);
  return results;
}
