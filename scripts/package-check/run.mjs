// @ts-check
/**
 * Packs the library and checks the package: its shape and its types. Fresh apps of both Nest majors, one of ES
 * modules and one of CommonJS, and the examples run with it against a real Redis.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { acquireRedis } from '../redis/acquire.mjs';
import { startApp } from './app-process.mjs';
import { bundleApp } from './bundle.mjs';
import { checkOneCopy } from './one-copy.mjs';
import { checkClients } from './client-check.mjs';
import { checkClientPackage } from './client-package.mjs';
import { checkAddress, checkContents, checkLinks } from './contents.mjs';
import { checkMinimalAndWorker, checkTesting, EXAMPLES } from './examples.mjs';
import { measureImport } from './import-time.mjs';
import { installApp } from './install.mjs';
import { failed, run, step, twoAtATime } from './steps.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const templates = fileURLToPath(new URL('apps', import.meta.url));

/** Node refuses to load an ES module by `require`, as Jest does. */
const NO_REQUIRE_OF_ESM = ['--no-experimental-require-module'];

/**
 * The ESM app runs once more as one bundled file.
 *
 * @type {{ name: string, how: 'import' | 'require', runs: { label: string, flags: string[], bundled?: true }[] }[]}
 */
const apps = [
  {
    name: 'nest12-esm',
    how: 'import',
    runs: [
      { label: 'ES modules', flags: [] },
      { label: 'ES modules without require(esm)', flags: NO_REQUIRE_OF_ESM },
      { label: 'bundled', flags: [], bundled: true },
    ],
  },
  {
    name: 'nest11-cjs',
    how: 'require',
    runs: [
      { label: 'CommonJS', flags: [] },
      { label: 'CommonJS without require(esm)', flags: NO_REQUIRE_OF_ESM },
    ],
  },
];

/**
 * Builds and packs, as `npm publish` does.
 *
 * @param {string} folder
 * @returns {Promise<import('./contents.mjs').Packed>}
 */
async function pack(folder) {
  const args = ['pack', '--json', '--pack-destination', folder];
  const [{ filename, files, unpackedSize }] = JSON.parse(await run('npm', args, project));
  return {
    tarball: join(folder, filename),
    files: files.map((/** @type {{ path: string }} */ { path }) => path),
    unpackedSize,
  };
}

/**
 * @param {string} work
 * @param {string} tarball
 * @returns {Promise<Record<string, string | undefined>>} the folder of each app and example, by name
 */
async function installAll(work, tarball) {
  const sources = [
    ...apps.map(({ name }) => ({
      name,
      from: { '.': join(templates, name), src: join(templates, 'src') },
    })),
    ...EXAMPLES.map((name) => ({ name, from: { '.': join(project, 'examples', name) } })),
  ];
  const folders = await twoAtATime(
    sources.map(
      ({ name, from }) =>
        () =>
          installApp(name, from, work, tarball),
    ),
  );
  return Object.fromEntries(sources.map(({ name }, index) => [name, folders[index]]));
}

/**
 * @param {typeof apps[number]} app
 * @param {string} folder
 * @param {string} redisUrl
 */
async function checkApp({ name, how, runs }, folder, redisUrl) {
  const env = { REDIS_URL: redisUrl };
  for (const { label, flags, bundled } of runs) {
    if (!bundled && flags.length === 0) {
      const time = await step(`${name}: loads in time`, () => measureImport(folder, how));
      if (time !== undefined) console.log(`        ${time}`);
    }
    const app = await step(`${name}, ${label}: starts`, async () => {
      const main = bundled ? await bundleApp(folder) : 'dist/main.js';
      return startApp(folder, { env, flags, main });
    });
    if (!app) continue;
    await step(`${name}, ${label}: clients get their events`, () => checkClients(app.url));
    await step(`${name}, ${label}: ends by itself after app.close()`, () => app.close());
  }
}

/** @param {string} work */
async function check(work) {
  const packed = await step('npm pack, which builds', () => pack(work));
  if (packed === undefined) return;
  const { tarball } = packed;
  const size = await step('the package has the listed files and no others', () =>
    checkContents(packed),
  );
  if (size !== undefined) console.log(`        ${size}`);
  await step('the address of the repository is in all fields or in none', checkAddress);
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
    const folders = await installAll(work, tarball);
    const first = Object.values(folders).find((folder) => folder !== undefined);
    if (first)
      await step('the README and the changelog link to files of the package', () =>
        checkLinks(join(first, 'node_modules/nestjs-redis-propagator')),
      );
    for (const app of apps) {
      const folder = folders[app.name];
      if (!folder) continue;
      await step(`${app.name}: one copy of the classes in both formats`, () =>
        checkOneCopy(folder),
      );
      await checkApp(app, folder, redis.url);
    }
    const { 'nest11-cjs': tested } = folders;
    if (tested)
      await step('nest11-cjs: a test passes with ts-jest and with @swc/jest', () =>
        run('npm', ['test'], tested),
      );
    const { minimal, worker, testing } = folders;
    if (minimal && worker) await checkMinimalAndWorker(minimal, worker, redis.url);
    if (testing) await checkTesting(testing);
  } finally {
    await redis.stop();
  }
}

const work = await mkdtemp(join(tmpdir(), 'package-check-'));
try {
  await checkClientPackage(project, work);
  await check(work);
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(failed() === 0 ? 'The package is sound.' : `${failed()} steps failed.`);
process.exitCode = failed() === 0 ? 0 : 1;
