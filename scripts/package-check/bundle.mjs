// @ts-check
import { run } from './steps.mjs';

/** Lets CommonJS packages of the bundle call `require` and find their folder, in the usual way for esbuild. */
const BANNER = [
  "import { createRequire } from 'node:module';",
  "import { dirname, join } from 'node:path';",
  "import { fileURLToPath } from 'node:url';",
  'const require = createRequire(import.meta.url);',
  'const __filename = fileURLToPath(import.meta.url);',
  'const __dirname = dirname(__filename);',
].join(' ');

/**
 * Bundles a built app and the library into one ES module. Nest is external, because it has its own `createRequire`.
 *
 * @param {string} folder
 * @returns {Promise<string>} the bundled file
 */
export async function bundleApp(folder) {
  const main = 'dist/bundled.mjs';
  const form = ['--bundle', '--platform=node', '--format=esm', '--keep-names', '--log-level=error'];
  const outside = ['--external:@nestjs/*', '--external:@opentelemetry/api'];
  const files = ['dist/main.js', `--outfile=${main}`, `--banner:js=${BANNER}`];
  await run('npx', ['esbuild', ...form, ...outside, ...files], folder);
  return main;
}
