// @ts-check
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fetchFromDebian } from '../redis/debian.mjs';
import { withLock } from '../redis/lock.mjs';
import { isExecutable, onPath } from '../redis/on-path.mjs';
import { messageOf } from '../thrown.mjs';

/** Survives `npm ci`, unlike a cache in node_modules. */
export const cache = fileURLToPath(new URL('../../.cache/chromium', import.meta.url));

const run = promisify(execFile);

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
/** A fetch of some 120 MB may be needed. */
const lockTimeoutMs = 300_000;

/**
 * @typedef {object} FoundChromium
 * @property {string} path of the executable
 * @property {string} how the source of the executable, for people
 * @property {boolean} own whether this project fetched it; then it may find no fonts on this machine
 */

/**
 * Finds a Chromium: CHROMIUM_PATH, or one on the PATH, or one fetched from Debian's packages into the project's
 * cache, or one installed by apt-get if this process is root.
 *
 * @returns {Promise<FoundChromium>}
 */
export async function findChromium() {
  const named = process.env.CHROMIUM_PATH;
  if (named) {
    if (await isExecutable(named)) return { path: named, how: 'CHROMIUM_PATH', own: false };
    throw new Error(`CHROMIUM_PATH is ${named}, which is not an executable file`);
  }
  const installed = await firstOnPath();
  if (installed) return { path: installed, how: 'the PATH', own: false };
  try {
    return { path: await fetched(), how: "Debian's packages", own: true };
  } catch (error) {
    return { path: await installedByApt(error), how: 'apt-get install', own: false };
  }
}

async function firstOnPath() {
  for (const name of names) {
    const path = await onPath(name);
    if (path) return path;
  }
  return undefined;
}

async function fetched() {
  const folder = join(cache, `${process.platform}-${process.arch}`);
  const path = join(folder, 'bin/chromium-browser');
  if (await isExecutable(path)) return path;
  await mkdir(cache, { recursive: true });
  const fetch = async () => {
    if (await isExecutable(path)) return;
    // Debian's own command is a script with absolute paths; the program itself finds the files next to it.
    const commands = { 'chromium-browser': '../lib/chromium/chromium' };
    await fetchFromDebian(folder, { package: 'chromium chromium-common', commands });
  };
  await withLock(`${folder}.lock`, fetch, lockTimeoutMs);
  return path;
}

/** @param {unknown} error why none could be fetched */
async function installedByApt(error) {
  const why = messageOf(error);
  if (process.getuid?.() === 0 && (await onPath('apt-get'))) {
    const args = ['install', '-y', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'];
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', args, { env, maxBuffer: 64 << 20 });
    const installed = await firstOnPath();
    if (installed) return installed;
  }
  throw new Error(
    `No Chromium: none is on the PATH, and fetching one failed: ${why}. ` +
      'Install Chromium or Chrome, or set CHROMIUM_PATH to its executable.',
    { cause: error },
  );
}
