import { findChromium } from '../../../../scripts/chromium/find.mjs';
import { prepareChat } from '../../scripts/prepare.mjs';
import redisSetup from '../../../../test/redis-global-setup.mjs';

/** Does the slow work of a first run, so that no test has to wait for it. */
export default async function setup() {
  await redisSetup();
  process.env.TEST_CHAT_FOLDER = await asInTheDemo(prepareChat);
  const { path, how } = await findChromium();
  console.log(`Chromium for the tests: ${path} (${how})`);
}

/**
 * Jest sets variables that mark a test run. A page built with them is not the one that users get.
 *
 * @template T
 * @param {() => Promise<T>} work
 */
async function asInTheDemo(work) {
  const { NODE_ENV } = process.env;
  delete process.env.NODE_ENV;
  try {
    return await work();
  } finally {
    process.env.NODE_ENV = NODE_ENV;
  }
}
