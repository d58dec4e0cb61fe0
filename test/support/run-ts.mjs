import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transform } from '@swc/core';

// Lets Node run the sources as they are, for tests that need a process of their own:
// `node --import ./test/support/run-ts.mjs file.ts`. Hooks run in a thread of their own, which loads this file anew.
if (isMainThread) register(import.meta.url);

/** The examples import the library by its name. */
const library = { 'nestjs-redis-propagator': new URL('../../src/index.ts', import.meta.url).href };

/** @type {import('node:module').ResolveHook} */
export async function resolve(specifier, context, next) {
  const ofSources = context.parentURL?.endsWith('.ts') && /^\.{1,2}\/.*\.js$/.test(specifier);
  return next(
    library[specifier] ?? (ofSources ? specifier.replace(/\.js$/, '.ts') : specifier),
    context,
  );
}

/** @type {import('node:module').LoadHook} */
export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const { code } = await transform(await readFile(fileURLToPath(url), 'utf8'), {
    filename: fileURLToPath(url),
    jsc: {
      target: 'es2022',
      parser: { syntax: 'typescript', decorators: true },
      transform: { legacyDecorator: true, decoratorMetadata: true },
    },
    module: { type: 'es6' },
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
