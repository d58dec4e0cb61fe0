// @ts-check
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { project, run } from '../../../scripts/demo/commands.mjs';
import { buildClient, buildLibrary } from '../../../scripts/demo/library.mjs';
import { withLock } from '../../../scripts/redis/lock.mjs';
import { hashOf, isSource } from './hash.mjs';

const example = join(project, 'examples/chat');
const cache = join(project, '.cache/demo-chat');
const app = join(cache, 'app');
const packed = join(cache, 'library');

const sources = ['server', 'shared', 'web'];
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];

/**
 * Builds examples/chat in a copy, like somebody who copied the folder: with its own packages and the library as it
 * would be published. Steps with unchanged input are skipped.
 *
 * @returns {Promise<string>} the folder, with `dist` and `web/dist` in it
 */
export async function prepareChat() {
  await mkdir(cache, { recursive: true });
  await withLock(join(cache, 'lock'), async () => {
    await buildLibrary();
    await buildClient();
    // In sequence, because each step needs the results of the earlier ones.
    const installed = await step(
      'packages',
      await hashOf(example, ['package.json', 'package-lock.json']),
      install,
    );
    const library = await hashOf(project, ['dist', 'client/dist']);
    await step('library', `${installed} ${library}`, addLibrary);
    await step('build', `${installed} ${await hashOf(example, sources)}`, build);
  });
  return app;
}

async function install() {
  console.log('Installing the packages of examples/chat ...');
  await rm(app, { recursive: true, force: true });
  await mkdir(app, { recursive: true });
  for (const file of ['package-lock.json', '.npmrc'])
    await cp(join(example, file), join(app, file));
  // npm must not look for the library in the registry: it and its client are local packages here.
  const description = JSON.parse(await readFile(join(example, 'package.json'), 'utf8'));
  delete description.dependencies['nestjs-redis-propagator'];
  delete description.devDependencies['nestjs-redis-propagator-client'];
  await writeFile(join(app, 'package.json'), JSON.stringify(description, undefined, 2));
  await run('npm', ['ci', '--prefix', app, '--prefer-offline', ...quiet]);
}

async function addLibrary() {
  await rm(packed, { recursive: true, force: true });
  await mkdir(packed, { recursive: true });
  const pack = ['pack', '--pack-destination', packed, '--ignore-scripts', '--loglevel=error'];
  await run('npm', pack);
  await run('npm', [...pack, './client']);
  const files = (await readdir(packed)).map((tarball) => join(packed, tarball));
  const add = ['install', '--prefix', app, '--no-save', '--prefer-offline', ...quiet];
  await run('npm', [...add, ...files]);
}

async function build() {
  console.log('Building examples/chat ...');
  for (const folder of [...sources, 'dist'])
    await rm(join(app, folder), { recursive: true, force: true });
  for (const folder of sources) {
    const from = join(example, folder);
    const filter = (/** @type {string} */ path) => isSource(path.slice(from.length));
    await cp(from, join(app, folder), { recursive: true, filter });
  }
  await run('npm', ['run', 'build', '--prefix', app]);
}

/**
 * Does the work unless it was already done with the same input.
 *
 * @param {string} name
 * @param {string} input
 * @param {() => Promise<void>} work
 */
async function step(name, input, work) {
  const stamp = join(cache, `${name}.stamp`);
  const done = await readFile(stamp, 'utf8').catch(() => '');
  if (done !== input) {
    // Interrupted work does not count as done.
    await rm(stamp, { force: true });
    await work();
    await writeFile(stamp, input);
  }
  return input;
}
