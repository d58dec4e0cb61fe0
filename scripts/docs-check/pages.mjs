// @ts-check
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const project = fileURLToPath(new URL('../..', import.meta.url));

const NOT_OURS = new Set(['node_modules', 'dist']);

/**
 * @typedef {object} Page
 * @property {string} path in this repository, with slashes
 * @property {string} text
 */

/**
 * All pages for people: those in the root, the documentation, the READMEs of the client, the examples and the bench.
 *
 * @returns {Page[]}
 */
export function allPages() {
  const inRoot = readdirSync(project).sort();
  const inFolders = ['docs', 'client', 'examples', 'bench'].flatMap(filesIn);
  return [...inRoot, ...inFolders].filter((path) => path.endsWith('.md')).map(page);
}

/**
 * The files in a folder, without installed or generated ones.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function filesIn(folder) {
  return readdirSync(join(project, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesIn(path) : [path];
    });
}

/**
 * @param {string} path
 * @returns {Page}
 */
export function page(path) {
  return { path, text: readFileSync(join(project, path), 'utf8') };
}
