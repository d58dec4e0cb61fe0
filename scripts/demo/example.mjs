// @ts-check
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { project, run } from './commands.mjs';

const cache = join(project, '.cache');

/**
 * Compiles examples/minimal into a folder of its own.
 *
 * The folder is inside this project and has no package.json, so Node and TypeScript treat it as part of this
 * package: it finds the library by its name, as it was just built, and the same copy of Nest as the library.
 * Nothing has to be installed.
 *
 * @param {import('./ending.mjs').Ending} ending removes the folder
 */
export async function compileExample(ending) {
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'demo-'));
  ending.add(() => rm(folder, { recursive: true, force: true }));
  for (const part of ['src', 'public', 'tsconfig.json']) {
    await cp(join(project, 'examples/minimal', part), join(folder, part), { recursive: true });
  }
  await run(join(project, 'node_modules/.bin/tsc'), ['-p', folder]);
  return folder;
}
