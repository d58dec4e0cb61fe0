import { expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { compiled } from '../support/compiled.mjs';

const run = promisify(execFile);

it('an app that is closed while it starts leaves nothing that keeps its process alive', async () => {
  const script = compiled('test/integration/processes/closes-while-starting.ts');
  // If the time limit had to kill it, this would reject.
  const { stdout, stderr } = await run(process.execPath, [script], { timeout: 50_000 });
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
});
