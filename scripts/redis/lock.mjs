// @ts-check
import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../thrown.mjs';

/**
 * Runs `work` while no other process holds the same lock. A lock of an ended process is taken over.
 *
 * @template T
 * @param {string} path the lock file
 * @param {() => Promise<T>} work
 * @param {number} [timeoutMs] how long to wait for the holder
 * @returns {Promise<T>}
 */
export async function withLock(path, work, timeoutMs = 120_000) {
  const end = Date.now() + timeoutMs;
  while (!(await tryLock(path))) {
    if (await isAbandoned(path)) await rm(path, { force: true });
    else if (Date.now() > end) {
      throw new Error(
        `another process has held ${path} for too long; delete the file if none does`,
      );
    } else await sleep(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/** @param {string} path */
async function tryLock(path) {
  try {
    await writeFile(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** @param {string} path */
async function isAbandoned(path) {
  const pid = Number(await readFile(path, 'utf8').catch(() => ''));
  if (!pid) return false; // just being written, or just removed
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}
