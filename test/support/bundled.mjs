// @ts-check
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiled, compileAll } from './compiled.mjs';

// Bundles each app that tests start as a process of its own, with Nest and all other packages. Node then takes a third of
// the processor time to start it, and finds and reads ten files instead of a thousand.

const project = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(project, 'node_modules', '.cache', 'bundled');
const require = createRequire(import.meta.url);
const APPS = [
  'test/fixtures/cluster-app/main.ts',
  'test/fixtures/deploy-app/main.ts',
  'test/fixtures/process-app/main.ts',
  'examples/auth-jwt/src/main.ts',
  'examples/auth-oidc/src/main.ts',
  'examples/chat/server/main.ts',
  'examples/observability/src/main.ts',
  'examples/presence/src/main.ts',
];
/** Nest 11 and its packages are CommonJS, and stay apart. */
const FIRST_NEST = 12;
/** Another run of the tests may still use older bundles. */
const KEEP_MS = 3_600_000;

/**
 * The path of an app to start. Without bundles, it is the compiled form.
 *
 * @param {string} source one of {@link APPS}
 */
export function bundled(source) {
  if (!APPS.includes(source)) throw new Error(`${source} is not among the apps of bundled.mjs`);
  const bundles = process.env['TEST_BUNDLES'];
  return bundles === undefined ? compiled(source) : join(bundles, nameOf(source));
}

/** Compiles the sources, bundles the apps if anything has changed since, and sets TEST_BUNDLES for {@link bundled}. */
export async function bundleAll() {
  const sources = compileAll();
  if (Number.parseInt(require('@nestjs/core/package.json').version, 10) < FIRST_NEST) return;
  const bundles = join(folder, keyOf(sources));
  if (!existsSync(bundles)) {
    const unfinished = `${bundles}.${process.pid}`;
    await bundle(unfinished);
    removeOld();
    // Another run may have made them meanwhile.
    if (existsSync(bundles)) rmSync(unfinished, { recursive: true, force: true });
    else renameSync(unfinished, bundles);
  }
  process.env['TEST_BUNDLES'] = bundles;
}

/** @param {string} target a folder */
async function bundle(target) {
  const { build } = await import('rolldown');
  await build({
    input: Object.fromEntries(APPS.map((source) => [nameOf(source), compiled(source)])),
    platform: 'node',
    // Of the packages that Nest could use, most are not installed.
    logLevel: 'silent',
    output: {
      dir: target,
      format: 'esm',
      // Nest and the log lines show the names of classes.
      keepNames: true,
      entryFileNames: '[name]',
      chunkFileNames: 'chunks/[name]-[hash].mjs',
    },
  });
}

/** @param {string} source */
function nameOf(source) {
  return source.replace(/\.ts$/, '.mjs');
}

/** @param {string} sources the state of the compiled sources */
function keyOf(sources) {
  const hash = createHash('sha256').update(sources);
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  // Changes with each installed package.
  const lock = join(project, 'node_modules', '.package-lock.json');
  if (existsSync(lock)) hash.update(readFileSync(lock));
  return hash.digest('hex').slice(0, 16);
}

function removeOld() {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const changed = statSync(path, { throwIfNoEntry: false });
    if (changed && Date.now() - changed.mtimeMs > KEEP_MS)
      rmSync(path, { recursive: true, force: true });
  }
}
