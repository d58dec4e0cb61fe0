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

/** The sources and the last file of the client package, which copies the types of contracts. */
const clientSources = [
  'client/src',
  'client/presence',
  'client/react',
  'client/package.json',
  'src/contract',
];
const clientResult = 'client/dist/react.d.cts';

/** Builds the library if its sources have changed since the last build. */
export async function buildLibrary() {
  if (await isOlder(result, sources)) await run('npm', ['run', 'build']);
}

/** Builds the client package if its sources have changed since the last build. */
export async function buildClient() {
  if (await isOlder(clientResult, clientSources)) await run('npm', ['run', 'build:client']);
}

/** @param {string} built @param {string[]} from */
async function isOlder(built, from) {
  const changed = await Promise.all(from.map(lastChange));
  return (await modified(built)) < Math.max(...changed);
}

/**
 * The modification time of a file, or the latest one in a folder.
 *
 * @param {string} path
 */
async function lastChange(path) {
  const inside = await readdir(join(project, path), { recursive: true }).catch(() => []);
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
