// @ts-check
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, step } from './steps.mjs';

const CONTENTS = [
  'LICENSE',
  'README.md',
  'dist/index.cjs',
  'dist/index.d.cts',
  'dist/index.d.ts',
  'dist/index.js',
  'dist/presence.cjs',
  'dist/presence.d.cts',
  'dist/presence.d.ts',
  'dist/presence.js',
  'dist/react.cjs',
  'dist/react.d.cts',
  'dist/react.d.ts',
  'dist/react.js',
  'dist/store.cjs',
  'dist/store.js',
  'package.json',
];

/** Both formats load in Node, and the socket is that of the installed Socket.IO. */
const USES = {
  'use.mjs': `import { connect } from 'nestjs-redis-propagator-client';
import { Socket } from 'socket.io-client';
const socket = connect('http://127.0.0.1:9', { autoConnect: false });
if (!(socket instanceof Socket)) throw new Error('another copy of socket.io-client');
import { watchPresence } from 'nestjs-redis-propagator-client/presence';
if (watchPresence(socket, [1]).get().size !== 0) throw new Error('users that nobody knows');`,
  'use.cjs': `const { connect } = require('nestjs-redis-propagator-client');
const { Socket } = require('socket.io-client');
const socket = connect('http://127.0.0.1:9', { autoConnect: false });
if (!(socket instanceof Socket)) throw new Error('another copy of socket.io-client');
const { watchPresence } = require('nestjs-redis-propagator-client/presence');
if (watchPresence(socket, [1]).get().size !== 0) throw new Error('users that nobody knows');`,
};

/**
 * Builds, packs and checks the client package: its size, its shape and its types.
 *
 * @param {string} project
 * @param {string} work
 */
export async function checkClientPackage(project, work) {
  const bin = join(project, 'node_modules/.bin');
  const folder = join(work, 'client');
  await mkdir(folder);
  const tarball = await step(
    'client: builds within its size, and packs the listed files',
    async () => {
      await run('npm', ['run', '-s', 'build:client', '--', '--check'], project);
      const args = ['pack', '--json', '--pack-destination', folder];
      const [{ filename, files }] = JSON.parse(await run('npm', args, join(project, 'client')));
      const paths = files.map((/** @type {{ path: string }} */ { path }) => path);
      assert.deepEqual(paths.sort(), CONTENTS);
      return join(folder, filename);
    },
  );
  if (tarball === undefined) return;
  await step('client: publint --strict', () =>
    run(join(bin, 'publint'), ['--strict', tarball], project),
  );
  await step('client: attw', () => run(join(bin, 'attw'), [tarball], project));
  await step('client: loads in both formats', async () => {
    await writeFile(join(folder, 'package.json'), '{ "private": true }');
    const install = ['install', '--no-audit', '--no-fund', '--prefer-offline'];
    await run('npm', [...install, tarball, 'socket.io-client@4.8.3'], folder);
    for (const [file, code] of Object.entries(USES)) {
      await writeFile(join(folder, file), code);
      await run('node', [file], folder);
    }
  });
}
