import { readFileSync } from 'node:fs';
import * as module from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transformSync } from '@swc/core';
import { compiled, LIBRARY, swcOptions } from './compiled.mjs';

/** Whether a test run has compiled the library, which then loads in half the time. */
const isCompiled = process.env['TEST_COMPILED_LIBRARY'] !== undefined;
const library = Object.fromEntries(
  Object.entries(LIBRARY).map(([name, file]) => [
    name,
    (isCompiled ? pathToFileURL(compiled(file)) : new URL(`../../${file}`, import.meta.url)).href,
  ]),
);

/** @type {import('node:module').ResolveHookSync} */
export function resolve(specifier, context, next) {
  const ofSources = context.parentURL?.endsWith('.ts') && /^\.{1,2}\/.*\.js$/.test(specifier);
  return next(
    library[specifier] ?? (ofSources ? specifier.replace(/\.js$/, '.ts') : specifier),
    context,
  );
}

/** @type {import('node:module').LoadHookSync} */
export function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const { code } = transformSync(readFileSync(fileURLToPath(url), 'utf8'), {
    ...swcOptions,
    filename: fileURLToPath(url),
  });
  return { format: 'module', source: code, shortCircuit: true };
}

// Lets Node run TypeScript files directly: scripts, and apps that a test writes. Files of the project are compiled
// before (compiled.mjs). `node --import ./test/support/run-ts.mjs file.ts`. Node 20 has no `registerHooks`. Node 26
// deprecates `register`, whose hooks run in another thread that loads this file again.
if (typeof module.registerHooks === 'function') module.registerHooks({ resolve, load });
else if (isMainThread) module.register(import.meta.url);
