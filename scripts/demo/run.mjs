// @ts-check
/**
 * A demo: two instances of examples/minimal in separate processes, with a Redis between them. With `--check`
 * clients verify that events reach their targets, and nobody else.
 */
import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { messageOf } from '../thrown.mjs';
import { runChecks } from './check/run-checks.mjs';
import { Ending } from './ending.mjs';
import { compileExample } from './example.mjs';
import { portIfFree, startInstances } from './instances.mjs';
import { buildLibrary } from './library.mjs';
import { commandLine, described, getRedis } from './redis.mjs';
import { welcome } from './welcome.mjs';

const ending = new Ending();
try {
  const { values: asked } = parseArgs({
    options: {
      check: { type: 'boolean', default: false },
      // The message if no Redis is available.
      'in-memory': { type: 'boolean', default: false },
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => void ending.exit(asked.check ? 130 : 0));
  }
  const work = asked.check ? check : demonstrate;
  await ending.exit(await work(asked['in-memory']));
} catch (error) {
  if (!ending.signal.aborted) console.error(messageOf(error));
  await ending.exit(1);
}

/**
 * Runs until Ctrl-C.
 *
 * @param {boolean} inMemory
 * @returns {Promise<never>}
 */
async function demonstrate(inMemory) {
  const ports = await Promise.all([3001, 3002].map(portIfFree));
  const prefix = 'propagator';
  const { redis, processes, urls } = await start(inMemory, ports, prefix);
  console.log(welcome(urls, await commandLine(redis), prefix));
  for (const app of processes) app.onPrint((text) => process.stdout.write(text));
  await Promise.race(processes.map(({ exited }) => exited));
  throw new Error('An instance has ended by itself.');
}

/**
 * @param {boolean} inMemory
 * @returns {Promise<number>} the exit code
 */
async function check(inMemory) {
  // A prefix of its own, because others may use the same Redis.
  const prefix = `propagator-demo:${randomUUID()}`;
  const { redis, processes, urls } = await start(inMemory, [0, 0], prefix);
  const [a = '', b = ''] = urls;
  const { passed, failed, skipped } = await runChecks(
    { a, b, redisUrl: redis.url, prefix },
    ending.signal,
  );
  if (failed > 0) for (const { printed } of processes) console.log(`\n${printed}`);
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0) return 1;
  if (skipped === 0 || inMemory) return 0;
  console.log('What was skipped is not known to hold, so this is no success.');
  return 1;
}

/**
 * @param {boolean} inMemory
 * @param {number[]} ports
 * @param {string} prefix
 */
async function start(inMemory, ports, prefix) {
  console.log('Building the library and the example, and getting a Redis ...');
  const [folder, redis] = await Promise.all([
    buildLibrary().then(() => compileExample(ending)),
    getRedis(inMemory),
  ]);
  console.log(described(redis));
  if (redis.url !== null) ending.add(redis.stop);

  const processes = startInstances(folder, { ports, redisUrl: redis.url, prefix });
  for (const app of processes) ending.add(() => app.stop());
  await Promise.all(processes.map(({ ready }) => ready));
  const urls = processes.flatMap((app) => app.urls);
  console.log(`Instances: ${urls.join(' and ')} (${ids(processes)})\n`);
  return { redis, processes, urls };
}

/** @param {import('./app-process.mjs').AppProcess[]} processes */
function ids(processes) {
  const list = processes.map(({ child }) => child.pid).join(' and ');
  return processes.length === 1 ? `both in process ${list}` : `processes ${list}`;
}
