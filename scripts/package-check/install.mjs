// @ts-check
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run, step } from './steps.mjs';

const NOT_COPIED = new Set(['node_modules', 'dist']);

/** @param {string} path */
const isSource = (path) => !NOT_COPIED.has(basename(path));

/**
 * Installs an app like somebody who copied it: with the packed library and the packages of its package.json,
 * compiled.
 *
 * @param {string} name
 * @param {Record<string, string>} parts folders that make up the app, by their place in it
 * @param {string} work
 * @param {string} tarball
 * @returns {Promise<string | undefined>} its folder; undefined if a step failed
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
