// @ts-check
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run, step } from './steps.mjs';

const NOT_COPIED = new Set(['node_modules', 'dist']);

/** @param {string} path */
const isSource = (path) => !NOT_COPIED.has(basename(path));

/**
 * An app as somebody would have it who copied it: with the packed library and what its package.json asks for, compiled.
 *
 * @param {string} name
 * @param {Record<string, string>} parts folders that make the app, by where in it they come
 * @param {string} work
 * @param {string} tarball
 * @returns {Promise<string | undefined>} its folder; undefined where a step failed
 */
export async function installApp(name, parts, work, tarball) {
  const folder = join(work, name);
  for (const [into, source] of Object.entries(parts)) {
    await cp(source, join(folder, into), { recursive: true, filter: isSource });
  }
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball];
  const installed = await step(`${name}: installs the package`, () => run('npm', install, folder));
  if (installed === undefined) return undefined;
  const compiled = await step(`${name}: compiles`, () => run('npm', ['run', 'build'], folder));
  return compiled === undefined ? undefined : folder;
}
