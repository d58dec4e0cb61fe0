// @ts-check
import { messageOf } from '../../thrown.mjs';
import { checks } from './checks.mjs';
import { createStage } from './stage.mjs';

/**
 * Runs the checks one after the other, prints the results, and counts them.
 *
 * @param {import('./stage.mjs').Cluster} cluster
 * @param {AbortSignal} signal ends the current check without a report
 */
export async function runChecks(cluster, signal) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { title, needsRedis, run } of checks) {
    if (needsRedis && cluster.redisUrl === null) {
      count.skipped++;
      print('skipped', title, ['it needs a Redis']);
      continue;
    }
    const stage = createStage(cluster);
    try {
      print('ok', title, await run(stage));
      count.passed++;
    } catch (error) {
      signal.throwIfAborted();
      count.failed++;
      print('FAILED', title, [messageOf(error)]);
    } finally {
      stage.close();
    }
  }
  return count;
}

/**
 * @param {string} outcome
 * @param {string} title
 * @param {string[]} details
 */
function print(outcome, title, details) {
  const indent = ' '.repeat(8);
  console.log(`${outcome.padEnd(7)} ${title}`);
  for (const line of details.join('\n').split('\n')) console.log(`${indent}${line}`);
}
