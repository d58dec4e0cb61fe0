import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const FOLDER = 'test/contract/types';
const COMPILER = 'node_modules/@typescript/native/bin/tsc';
/** The older compiler is slower, so it compiles only one of the programs, and only in CI. */
const OLDER_COMPILER = 'node_modules/typescript/lib/tsc.js';

/** The errors in the tests of types. Those of the sources are found by `npm run typecheck`. */
async function errorsOf(compiler: string, project: string, ...flags: string[]): Promise<string[]> {
  const args = [compiler, '-p', `${FOLDER}/${project}`, '--pretty', 'false', ...flags];
  const compiling = promisify(execFile)(process.execPath, args);
  const { stdout } = await compiling.catch((error: { stdout: string }) => error);
  return stdout.split('\n').filter((line) => line.startsWith(FOLDER) || line.startsWith('error'));
}

describe('the types of a contract', () => {
  it('hold in all verbs, sockets and handlers', async () => {
    expect(await errorsOf(COMPILER, 'tsconfig.json')).toEqual([]);
  });

  it('hold with exactOptionalPropertyTypes', async () => {
    const flags = ['--exactOptionalPropertyTypes'];
    expect(await errorsOf(COMPILER, 'tsconfig.json', ...flags)).toEqual([]);
  });

  // Compilers before TypeScript 7 find the types of ArkType too deep, see docs/contract.md.
  it('hold with ArkType and TypeBox', async () => {
    expect(await errorsOf(COMPILER, 'tsconfig.libraries.json')).toEqual([]);
  });

  it('hold in an app that declares them once', async () => {
    expect(await errorsOf(COMPILER, 'tsconfig.augmented.json')).toEqual([]);
  });

  if (process.env['CI'] !== undefined) {
    it('hold with the older compiler', async () => {
      expect(await errorsOf(OLDER_COMPILER, 'tsconfig.json')).toEqual([]);
    });
  }
});
