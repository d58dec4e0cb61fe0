// @ts-check
/**
 * Packs the library and checks the package: its shape and its types. Fresh apps of both Nest majors, one of ES
 * modules and one of CommonJS, and the examples run with it against a real Redis.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { linkedFiles } from '../docs-check/links.mjs';
import { page } from '../docs-check/pages.mjs';
import { acquireRedis } from '../redis/acquire.mjs';
import { startApp } from './app-process.mjs';
import { bundleApp } from './bundle.mjs';
import { checkClients } from './client-check.mjs';
import { checkMinimalAndWorker, checkTesting, EXAMPLES } from './examples.mjs';
import { installApp } from './install.mjs';
import { failed, run, step, twoAtATime } from './steps.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const templates = fileURLToPath(new URL('apps', import.meta.url));

/**
 * The CommonJS app runs twice: with Node's require(esm), where it gets the ESM build by the
 * condition `module-sync`, and without it, where it gets the CommonJS build, as in older Node and
 * in Jest.
 *
 * The ESM app runs once more as one bundled file.
 *
 * @type {{ name: string, runs: { label: string, flags: string[], bundled?: true }[] }[]}
 */
const apps = [
  {
    name: 'nest12-esm',
    runs: [
      { label: 'ESM build', flags: [] },
      { label: 'bundled as ESM', flags: [], bundled: true },
    ],
  },
  {
    name: 'nest11-cjs',
    runs: [
      { label: 'ESM build by require', flags: [] },
      { label: 'CommonJS build', flags: ['--no-experimental-require-module'] },
    ],
  },
];

/**
 * @param {string} folder
 * @returns {Promise<{ tarball: string, files: string[] }>}
 */
async function pack(folder) {
  const args = ['pack', '--json', '--pack-destination', folder];
  const [{ filename, files }] = JSON.parse(await run('npm', args, project));
  return {
    tarball: join(folder, filename),
    files: files.map((/** @type {{ path: string }} */ { path }) => path),
  };
}

/**
 * A reader of the README in node_modules, or in a package viewer, finds everything that it links to.
 *
 * @param {string[]} files of the package
 */
async function checkReadme(files) {
  const missing = linkedFiles(page('README.md')).filter((file) => !files.includes(file));
  if (missing.length > 0) throw new Error(`not in the package: ${missing.join(', ')}`);
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
async function checkApp({ name, runs }, folder, redisUrl) {
  const env = { REDIS_URL: redisUrl };
  for (const { label, flags, bundled } of runs) {
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
  const built = await step('npm run build', () => run('npm', ['run', 'build'], project));
  if (built === undefined) return;
  const packed = await step('npm pack', () => pack(work));
  if (packed === undefined) return;
  const { tarball, files } = packed;
  await step('the README links to what is in the package', () => checkReadme(files));
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
    for (const app of apps) {
      const folder = folders[app.name];
      if (folder) await checkApp(app, folder, redis.url);
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
  await check(work);
} finally {
  await rm(work, { recursive: true, force: true });
}
console.log(failed() === 0 ? 'The package is sound.' : `${failed()} steps failed.`);
process.exitCode = failed() === 0 ? 0 : 1;
