// @ts-check
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const project = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Runs a command to its end. If it fails, its output is in the error.
 *
 * @param {string} file
 * @param {string[]} args
 */
export async function run(file, args) {
  try {
    await promisify(execFile)(file, args, { cwd: project });
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {Record<string, string>} */ (error);
    throw new Error(`${file} ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: error });
  }
}
