// @ts-check
/** Takes the pictures of docs/images: `npm run screenshots` in examples/chat. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchChromium } from '../../../../scripts/chromium/launch.mjs';
import { Instances } from '../instances.mjs';
import { prepareChat } from '../prepare.mjs';
import { project } from '../../../../scripts/demo/commands.mjs';
import { Ending } from '../../../../scripts/demo/ending.mjs';
import { acquireRedis } from '../../../../scripts/redis/acquire.mjs';
import { messageOf } from '../../../../scripts/thrown.mjs';
import { play } from './scene.mjs';

const folder = join(project, 'docs/images');
/** Larger ones would make the repository heavy. */
const MAX_BYTES = 300_000;

const ending = new Ending();
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void ending.exit(130));
try {
  const app = await prepareChat();
  const redis = await acquireRedis();
  if (redis.url === null) throw new Error(`The chat needs a Redis. ${redis.reason}`);
  ending.add(redis.stop);
  const prefix = `screenshots:${randomUUID()}`;
  const instances = await Instances.start({ folder: app, redisUrl: redis.url, prefix });
  ending.add(() => instances.stop());
  const { browser } = await launchChromium({ fonts: true });
  ending.add(() => browser.close());
  await mkdir(folder, { recursive: true });
  await play({ browser, urls: instances.urls, keep });
  await ending.exit(0);
} catch (error) {
  console.error(messageOf(error));
  await ending.exit(1);
}

/**
 * @param {string} name
 * @param {Promise<Buffer>} taken
 */
async function keep(name, taken) {
  const picture = await taken;
  await writeFile(join(folder, `${name}.png`), picture);
  console.log(`docs/images/${name}.png  ${Math.round(picture.length / 1000)} kB`);
  if (picture.length > MAX_BYTES) throw new Error(`${name}.png is larger than ${MAX_BYTES} bytes`);
}
