// @ts-check
import { messageOf } from '../../../../scripts/thrown.mjs';
import { checks } from './checks.mjs';
import { Stage } from './stage.mjs';

/**
 * Runs the checks one after the other, and prints the results.
 *
 * @param {import('./stage.mjs').Place} place
 * @param {AbortSignal} signal ends the current check without a report
 * @returns {Promise<number>} the number of failed checks
 */
export async function checkChat(place, signal) {
  let failed = 0;
  for (const [title, check] of Object.entries(checks)) {
    const stage = new Stage(place);
    try {
      await check(stage);
      console.log(`ok      ${title}`);
    } catch (error) {
      signal.throwIfAborted();
      failed++;
      console.log(`FAILED  ${title}\n        ${messageOf(error)}`);
    } finally {
      stage.close();
    }
  }
  console.log(`\n${Object.keys(checks).length - failed} passed, ${failed} failed`);
  return failed;
}
