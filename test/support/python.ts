import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { onPath } from '../../scripts/redis/on-path.mjs';

/** Runs a Python script. A machine without python3 fails the test: a script that is not run is not tested. */
export async function runPython(
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const python = await onPath('python3');
  if (python === undefined) {
    throw new Error(`There is no python3 on the PATH, so ${script} cannot be tested: install it.`);
  }
  const all = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env };
  return (await promisify(execFile)(python, [script, ...args], { env: all })).stdout;
}
