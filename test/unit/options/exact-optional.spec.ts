import { execFile } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { promisify } from 'node:util';

const FIXTURE = 'test/fixtures/exact-optional';
const COMPILER = 'node_modules/@typescript/native/bin/tsc';

/** The output of the compiler. It ends with a code if it finds an error, as it does in the sources. */
async function compile(project: string): Promise<string> {
  const compiling = promisify(execFile)(process.execPath, [
    COMPILER,
    '-p',
    project,
    '--pretty',
    'false',
  ]);
  const { stdout, stderr } = await compiling.catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  expect(stderr).toBe('');
  return stdout;
}

describe('with exactOptionalPropertyTypes', () => {
  it('all options and events take undefined where they may be left out', async () => {
    const lines = (await compile(`${FIXTURE}.json`)).split('\n');
    expect(lines.filter((line) => line.startsWith(FIXTURE))).toEqual([]);
  });
});
