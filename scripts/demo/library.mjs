// @ts-check
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { project, run } from './commands.mjs';

const sources = [
  'src',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.mjs',
];

/** The last file that the build writes. */
const result = 'dist/testing.d.cts';

/** Builds the library if its sources have changed since the last build. */
export async function buildLibrary() {
  const changed = await Promise.all(sources.map(lastChange));
  if ((await modified(result)) < Math.max(...changed)) await run('npm', ['run', 'build']);
}

/**
 * The modification time of a file, or the latest one in a folder.
 *
 * @param {string} path
 */
async function lastChange(path) {
  const inside = path === 'src' ? await readdir(join(project, path), { recursive: true }) : [];
  const all = [path, ...inside.map((name) => join(path, name))];
  return Math.max(...(await Promise.all(all.map(modified))));
}

/**
 * @param {string} path
 * @returns {Promise<number>} 0 if it does not exist
 */
function modified(path) {
  return stat(join(project, path)).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
