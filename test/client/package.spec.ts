import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const run = promisify(execFile);
const COMPILER = 'node_modules/@typescript/native/bin/tsc';

describe('the client package', () => {
  it.each([[], ['--exactOptionalPropertyTypes']])('is typed by a contract %s', async (...flags) => {
    const args = [COMPILER, '-p', 'test/client/types', '--pretty', 'false', ...flags];
    const compiling = run(process.execPath, args).catch((error: { stdout: string }) => error);
    const lines = (await compiling).stdout.split('\n');
    expect(lines.filter((line) => /^(client|test|error)/.test(line))).toEqual([]);
  });

  it('has the version and the license of the library, and no dependency', () => {
    const [library, client] = ['package.json', 'client/package.json'].map(
      (file) => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>,
    );
    expect(client).toMatchObject({ version: library?.['version'], license: library?.['license'] });
    expect(client).not.toHaveProperty('dependencies');
    expect(readFileSync('client/LICENSE', 'utf8')).toBe(readFileSync('LICENSE', 'utf8'));
  });
});
