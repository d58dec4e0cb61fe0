// @ts-check
/**
 * Builds the client package: `client/build` has the compiled modules, `client/dist` what is published. The bundle for
 * browsers is measured: without the peers it may have 4 kB, compressed.
 */
import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { run } from '../package-check/steps.mjs';
import { messageOf } from '../thrown.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const client = join(project, 'client');
const modules = join(client, 'build/client');
const dist = join(client, 'dist');

/** The entries of the package, and the module of each. */
const ENTRIES = {
  index: 'src/index.js',
  presence: 'presence/index.js',
  react: 'react/index.js',
};
const MAX_BYTES = 4_096;

/** @param {string[]} args */
const tool = (...args) => {
  const [name = '', ...rest] = args;
  return run(join(project, 'node_modules/.bin', name), rest, project);
};

/** Writes the entries in both formats. Code that several entries share is in files of its own. */
async function bundle() {
  const bundled = await rolldown({
    cwd: modules,
    input: ENTRIES,
    external: /^[^./]/,
    platform: 'neutral',
  });
  for (const [format, extension] of /** @type {const} */ ([
    ['esm', 'js'],
    ['cjs', 'cjs'],
  ])) {
    await bundled.write({
      dir: dist,
      format,
      entryFileNames: `[name].${extension}`,
      chunkFileNames: `[name].${extension}`,
      comments: false,
    });
  }
  await bundled.close();
}

/** The compressed size of everything that `connect` needs, minified. */
async function measure() {
  const bundled = await rolldown({
    input: join(dist, 'index.js'),
    external: /^[^./]/,
    platform: 'neutral',
  });
  const { output } = await bundled.generate({ format: 'esm', minify: true });
  await bundled.close();
  return gzipSync(output[0].code, { level: 9 }).length;
}

async function build() {
  for (const folder of [join(client, 'build'), dist])
    await rm(folder, { recursive: true, force: true });
  await tool('tsc', '-p', 'client/tsconfig.json');
  await mkdir(dist, { recursive: true });
  await bundle();
  const local = process.argv.includes('--check') ? [] : ['--local'];
  await tool('api-extractor', 'run', ...local, '-c', 'client/api-extractor.json');
  // These entries import their types from the name of the package, so their declarations need no rollup.
  for (const name of ['presence', 'react']) {
    await copyFile(join(modules, name, 'index.d.ts'), join(dist, `${name}.d.ts`));
  }
  for (const name of Object.keys(ENTRIES)) {
    await copyFile(join(dist, `${name}.d.ts`), join(dist, `${name}.d.cts`));
  }
  const size = await measure();
  console.log(`The client has ${size} bytes, minified and compressed.`);
  if (size > MAX_BYTES) throw new Error(`The client may have ${MAX_BYTES} bytes.`);
}

try {
  await build();
} catch (error) {
  console.error(messageOf(error));
  process.exitCode = 1;
}
