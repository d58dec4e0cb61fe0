// @ts-check
/**
 * Packs the library and judges the package: its shape, its types, and that fresh apps of both Nest
 * majors, one of ES modules and one of CommonJS, run with it against a real Redis.
 */
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireRedis } from '../redis/acquire.mjs';
import { startApp } from './app-process.mjs';
import { checkClients } from './client-check.mjs';
import { failed, run, step } from './steps.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const templates = fileURLToPath(new URL('apps', import.meta.url));

/**
 * The CommonJS app runs twice: with Node's require(esm), where it gets the ESM build by the
 * condition `module-sync`, and without it, where it gets the CommonJS build, as in older Node and
 * in Jest.
 *
 * @type {{ name: string, runs: { label: string, flags: string[] }[] }[]}
 */
const apps = [
  { name: 'nest12-esm', runs: [{ label: 'ESM build', flags: [] }] },
  {
    name: 'nest11-cjs',
    runs: [
      { label: 'ESM build by require', flags: [] },
      { label: 'CommonJS build', flags: ['--no-experimental-require-module'] },
    ],
  },
];

/** @param {string} folder */
async function pack(folder) {
  const args = ['pack', '--json', '--pack-destination', folder];
  const [{ filename }] = JSON.parse(await run('npm', args, project));
  return join(folder, filename);
}

/**
 * @param {typeof apps[number]} app
 * @param {string} work
 * @param {string} tarball
 * @param {string} redisUrl
 */
async function checkApp({ name, runs }, work, tarball, redisUrl) {
  const folder = join(work, name);
  await cp(join(templates, name), folder, { recursive: true });
  await cp(join(templates, 'src'), join(folder, 'src'), { recursive: true });
  const install = ['install', '--no-audit', '--no-fund', tarball];
  const installed = await step(`${name}: installs the package`, () => run('npm', install, folder));
  if (installed === undefined) return;
  const compiled = await step(`${name}: compiles`, () => run('npm', ['run', 'build'], folder));
  if (compiled === undefined) return;

  for (const { label, flags } of runs) {
    const app = await step(`${name}, ${label}: starts`, () => startApp(folder, redisUrl, flags));
    if (!app) continue;
    await step(`${name}, ${label}: clients get their events`, () => checkClients(app.url));
    await step(`${name}, ${label}: ends by itself after app.close()`, () => app.close());
  }
}

/** @param {string} work */
async function check(work) {
  const built = await step('npm run build', () => run('npm', ['run', 'build'], project));
  if (built === undefined) return;
  const tarball = await step('npm pack', () => pack(work));
  if (tarball === undefined) return;
  const bin = join(project, 'node_modules/.bin');
  await step('publint --strict', () => run(join(bin, 'publint'), ['--strict', tarball], project));
  await step('attw', () => run(join(bin, 'attw'), [tarball], project));

  const redis = await step('a Redis', async () => {
    const acquired = await acquireRedis();
    if (acquired.url === null) throw new Error(acquired.reason);
    return acquired;
  });
  if (!redis) return;
  try {
    for (const app of apps) await checkApp(app, work, tarball, redis.url);
  } finally {
    await redis.stop();
  }
}

const work = await mkdtemp(join(tmpdir(), 'package-check-'));
try {
  await check(work);
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(failed() === 0 ? 'The package is sound.' : `${failed()} steps failed.`);
process.exitCode = failed() === 0 ? 0 : 1;
