// @ts-check
/**
 * A demo of examples/chat: two instances in separate processes, with a Redis between them. With `--check` clients
 * verify what the page shows.
 */
import { randomUUID } from 'node:crypto';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Ending } from '../../../scripts/demo/ending.mjs';
import { described, getRedis } from '../../../scripts/demo/redis.mjs';
import { findRedisServer } from '../../../scripts/redis/binary.mjs';
import { messageOf } from '../../../scripts/thrown.mjs';
import { checkChat } from './check/check-chat.mjs';
import { Instances } from './instances.mjs';
import { prepareChat } from './prepare.mjs';
import { welcome } from './welcome.mjs';

/** Where the user called npm. Paths in the output start here. */
const here = process.env.INIT_CWD ?? '';
const publish = fileURLToPath(new URL('../outside/publish.sh', import.meta.url));

const ending = new Ending();
try {
  const { values: asked } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => void ending.exit(asked.check ? 130 : 0));
  }
  await ending.exit(await (asked.check ? check() : demonstrate()));
} catch (error) {
  if (!ending.signal.aborted) console.error(messageOf(error));
  await ending.exit(1);
}

/**
 * Runs until Ctrl-C.
 *
 * @returns {Promise<never>}
 */
async function demonstrate() {
  const { redis, instances } = await start('propagator', {
    ports: [3001, 3002],
    print: (text) => process.stdout.write(text),
  });
  const ofOthers = redis.how === 'REDIS_URL';
  const redisUrl = ofOthers ? null : redis.url;
  const found = await redisCli();
  // A fetched one is not on the PATH.
  const cli = found.includes('/') ? relative(here, found) : found;
  console.log(welcome(instances.urls, redisUrl, cli, relative(here, publish)));
  // The instances keep this process alive. Between the end and the restart of one nothing else would.
  setInterval(() => {}, 60_000);
  return new Promise(() => {});
}

/** @returns {Promise<number>} the exit code */
async function check() {
  // A prefix of its own, because others may use the same Redis.
  const prefix = `propagator-demo:${randomUUID()}`;
  let printed = '';
  const { redis, instances } = await start(prefix, { print: (text) => (printed += text) });
  const stage = { urls: instances.urls, redisUrl: redis.url, prefix, cli: await redisCli() };
  const failed = await checkChat(stage, ending.signal);
  if (failed > 0) console.log(`\n${printed}`);
  return failed > 0 ? 1 : 0;
}

/**
 * @param {string} prefix
 * @param {Pick<import('./instances.mjs').ChatOptions, 'ports' | 'print'>} options
 */
async function start(prefix, options) {
  const [folder, redis] = await Promise.all([prepareChat(), getRedis(false)]);
  if (redis.url === null) throw new Error(`The chat needs a Redis. ${redis.reason}`);
  ending.add(redis.stop);
  console.log(described(redis));
  const instances = await Instances.start({ folder, redisUrl: redis.url, prefix, ...options });
  ending.add(() => instances.stop());
  return { redis, instances };
}

async function redisCli() {
  const { cli } = await findRedisServer().catch(() => ({ cli: 'redis-cli' }));
  return cli;
}
