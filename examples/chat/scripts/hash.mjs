// @ts-check
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Generated files. */
const made = new Set(['node_modules', 'dist']);

/** Whether a file or folder belongs to the sources. @param {string} path */
export const isSource = (path) => !path.split(/[\\/]/).some((part) => made.has(part));

/**
 * Changes when one of the files changes, or one in the folders.
 *
 * @param {string} base
 * @param {string[]} paths in it
 */
export async function hashOf(base, paths) {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of await filesIn(join(base, path))) {
      hash.update(`${relative(base, file)}\0`).update(await readFile(file));
    }
  }
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {Promise<string[]>}
 */
async function filesIn(path) {
  /** @type {import('node:fs').Dirent[]} */
  let entries;
  try {
    entries = await readdir(path, { withFileTypes: true });
  } catch {
    return [path];
  }
  const sources = entries.filter(({ name }) => !made.has(name)).map(({ name }) => join(path, name));
  return (await Promise.all(sources.sort().map(filesIn))).flat();
}
