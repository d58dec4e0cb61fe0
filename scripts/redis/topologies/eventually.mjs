// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../thrown.mjs';

// A Sentinel whose machine stood still for two seconds starts no failover for the next 30.
const PATIENCE_MS = 90_000;

/**
 * Repeats the check until it is true. An error counts as false, and the last one is reported if it never becomes
 * true.
 *
 * @param {() => unknown} condition
 * @param {string} what
 */
export async function eventually(condition, what) {
  const end = Date.now() + PATIENCE_MS;
  let why = '';
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      why = ` (${messageOf(error)})`;
    }
    if (Date.now() > end) throw new Error(`waited ${PATIENCE_MS} ms in vain for ${what}${why}`);
    await sleep(20);
  }
}
