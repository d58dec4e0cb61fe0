// @ts-check
import { readdir, readFile } from 'node:fs/promises';

/**
 * The CPU time in microseconds that a process has used so far, summed over its threads, as the scheduler counts it
 * (in nanoseconds; /proc/<pid>/stat has steps of 10 ms).
 *
 * @param {number} pid
 */
export async function cpuOf(pid) {
  const folder = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const thread of await readdir(folder)) {
    try {
      nanoseconds += Number.parseInt(await readFile(`${folder}/${thread}/schedstat`, 'utf8'), 10);
    } catch {
      // A thread that has just ended.
    }
  }
  return nanoseconds / 1_000;
}

/** @param {number[]} pids */
export async function cpuOfAll(pids) {
  return Promise.all(pids.map(cpuOf));
}
