// @ts-check
/**
 * Builds the documentation site: `npm run docs:site`, with `-- --base /0.2/` for a site that is not at the root of its
 * host, and with `-- --serve` to look at it. The packages of the site are installed by this script only.
 */
import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { project, run } from '../demo/commands.mjs';
import { drawDiagrams } from './diagrams.mjs';
import { checkSite } from './links.mjs';
import { serve } from './serve.mjs';

const site = join(project, 'docs/site');
const made = join(site, '.cache/public');
const dist = join(site, 'dist');
const modules = join(site, 'node_modules');

const { values: asked } = parseArgs({
  options: {
    base: { type: 'string', default: '/' },
    serve: { type: 'boolean', default: false },
  },
});
if (!/^\/([\w.-]+\/)*$/.test(asked.base)) {
  throw new Error('--base begins and ends with a slash, like /0.2/');
}

await timed('packages', install);
await timed('diagrams', () =>
  drawDiagrams(made, join(modules, '@mermaid-js/tiny/dist/mermaid.tiny.js')),
);
await timed('pages', pages);
await timed('API reference', reference);
const { pages: count, links, broken } = await timed('links', () => checkSite(dist, asked.base));
for (const line of broken) console.log(line);
console.log(
  `${count} pages, ${links} links, ${broken.length} of them lead nowhere: docs/site/dist`,
);
if (broken.length > 0) process.exitCode = 1;
if (asked.serve) console.log(`Look at it: ${(await serve(dist, asked.base, 4173)).url}`);

async function install() {
  const lock = readFileSync(join(site, 'package-lock.json'), 'utf8');
  const stamp = join(modules, '.installed-from');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'];
  await run('npm', ['ci', '--prefix', site, '--prefer-offline', ...quiet]);
  await writeFile(stamp, lock);
}

async function pages() {
  await mkdir(made, { recursive: true });
  for (const file of ['docs/grafana/nestjs-redis-propagator.json', 'docs/protocol-vectors.json']) {
    await cp(join(project, file), join(made, file.replace(/^docs\//, 'files/')));
  }
  await cp(join(project, 'examples/chat/web/public/favicon.svg'), join(made, 'favicon.svg'));
  await rm(dist, { recursive: true, force: true });
  process.env.DOCS_BASE = asked.base;
  await run(process.execPath, [join(modules, 'vitepress/bin/vitepress.js'), 'build', site]);
}

async function reference() {
  const options = join(site, '.cache/typedoc.json');
  await writeFile(
    options,
    JSON.stringify({
      extends: [join(project, 'typedoc.json')],
      out: join(dist, 'api'),
      customCss: join(site, 'reference.css'),
      favicon: join(made, 'favicon.svg'),
      navigationLinks: { Documentation: asked.base },
    }),
  );
  await run(process.execPath, [
    join(project, 'node_modules/typedoc/bin/typedoc'),
    '--options',
    options,
  ]);
}

/**
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function timed(name, work) {
  const start = performance.now();
  const result = await work();
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
