// @ts-check
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startApp } from './app-process.mjs';
import { client, event } from './client-check.mjs';
import { run, step } from './steps.mjs';

/** The examples that are installed and run like by their readers. */
export const EXAMPLES = ['minimal', 'worker', 'testing'];

/**
 * The minimal app and the worker, which belong together: a client of the app gets the events of the worker.
 *
 * @param {string} minimal folder of the installed example
 * @param {string} worker the same
 * @param {string} redisUrl
 */
export async function checkMinimalAndWorker(minimal, worker, redisUrl) {
  const env = { REDIS_URL: redisUrl, REDIS_PREFIX: 'package-check', PORT: '0' };
  const app = await step('minimal: starts', () => startApp(minimal, { env }));
  if (!app) return;
  await step('minimal: a notification reaches its user', () => checkNotification(app.url));

  const jobs = await step('worker: starts', () =>
    startApp(worker, { env, says: /Waiting for jobs/ }),
  );
  if (jobs) {
    await step('worker: a user of the app hears of a job', () => checkJob(app.url, jobs, redisUrl));
    await step('worker: ends by itself', () => jobs.close('signal'));
  }
  await step('minimal: ends by itself', () => app.close('signal'));
}

/** @param {string} folder */
export async function checkTesting(folder) {
  await step('testing: its types are right', () => run('npm', ['run', 'typecheck'], folder));
  await step('testing: its tests pass', () => run('npm', ['test'], folder));
}

/** @param {string} url */
async function checkNotification(url) {
  const alice = client(url, 'alice');
  try {
    await event(alice, 'connect');
    const [notification, response] = await Promise.all([
      event(alice, 'notification'),
      fetch(`${url}/notifications/users/alice`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text: 'hello' }),
      }),
    ]);
    assert.deepEqual(notification, { text: 'hello' });
    assert.deepEqual(await response.json(), { localSockets: 1, remoteInstances: 0, reached: true });
  } finally {
    alice.disconnect();
  }
}

/**
 * @param {string} url
 * @param {{ printed: () => string }} worker
 * @param {string} redisUrl
 */
async function checkJob(url, worker, redisUrl) {
  const alice = client(url, 'alice');
  const redis = new Redis(redisUrl);
  const push = (/** @type {string} */ userId) =>
    redis.rpush('reports:waiting', JSON.stringify({ userId, report: 'sales' }));
  try {
    await event(alice, 'connect');
    const [ready] = await Promise.all([event(alice, 'report-ready'), push('alice')]);
    assert.deepEqual(ready, { report: 'sales', pages: 5 });
    await push('nobody');
    for (let waited = 0; !/for nobody: offline/.test(worker.printed()); waited += 50) {
      if (waited > 60_000) throw new Error(`the worker does not say it:\n${worker.printed()}`);
      await sleep(50);
    }
    assert.match(worker.printed(), /sales for alice: sent/);
    assert.equal(await redis.exists('reports:waiting'), 0);
  } finally {
    alice.disconnect();
    redis.disconnect();
  }
}
