/**
 * Builds the library: `build` has the compiled modules, with source maps, for the tools of this repository; `dist` has
 * what is published. docs/decisions.md ("The package") has the reasons.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import * as ts from 'typescript';

const project = fileURLToPath(new URL('..', import.meta.url));
const modules = join(project, 'build');
const dist = join(project, 'dist');

/** The entries of the package, and the module of each. */
const ENTRIES = { index: 'index', testing: 'testing/index' };

/** Loaded by the entries, each in its own format, and handed to the code. */
const PEERS = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-socket.io',
  '@nestjs/websockets',
  'ioredis',
  'rxjs',
];
/** Handed over as a function that loads it, because it may be missing. */
const OPTIONAL_PEER = '@opentelemetry/api';

/** Packages of CommonJS, which the code loads itself. */
const DEPENDENCIES = new Set(['cluster-key-slot', 'socket.io-adapter', 'socket.io-parser']);

/** @param {string} name @param {string[]} args */
async function run(name, ...args) {
  try {
    await promisify(execFile)(join(project, 'node_modules/.bin', name), args, { cwd: project });
  } catch (error) {
    const { stdout = '', stderr = '' } = /** @type {Record<string, string>} */ (error);
    throw new Error(`${name} ${args.join(' ')} failed\n${stdout}${stderr}`, { cause: error });
  }
}

/**
 * Begins a line at each statement outside of functions, and at each member of a class: Node prints the whole line of an error
 * that nothing catches.
 *
 * @param {string} code without white space
 */
function inLines(code) {
  /** @type {number[]} */
  const starts = [];
  /** @param {ts.Node} node */
  const visit = (node) => {
    if (ts.isClassLike(node)) starts.push(...node.members.map((member) => member.getStart(source)));
    ts.forEachChild(node, visit);
  };
  const source = ts.createSourceFile('shared.cjs', code, ts.ScriptTarget.Latest, false);
  starts.push(...source.statements.map((statement) => statement.getStart(source)));
  visit(source);
  const ends = [...new Set(starts)].sort((a, b) => a - b);
  return (
    ends.map((end, i) => code.slice(i === 0 ? 0 : ends[i - 1], end)).join('\n') +
    `\n${code.slice(ends.at(-1))}`
  );
}

/** All code in one function, which gets the peers. It runs once, in whichever formats the package is loaded. */
async function bundleCode() {
  const bundle = await rolldown({
    cwd: project,
    input: { shared: join(modules, 'all.js') },
    external: /^[^./]/,
    platform: 'node',
  });
  const { output } = await bundle.generate({
    format: 'cjs',
    entryFileNames: '[name].cjs',
    exports: 'named',
    strict: false,
    comments: false,
    keepNames: true,
    minify: {
      compress: true,
      mangle: { toplevel: true, keepNames: true },
      codegen: { removeWhitespace: true },
    },
  });
  await bundle.close();
  const [{ code }] = output;
  const handed = code
    .replaceAll(/\brequire\(["'`]([^"'`]+)["'`]\)/g, (call, name) => {
      if (PEERS.includes(name)) return `peers["${name}"]`;
      if (name.startsWith('node:') || DEPENDENCIES.has(name)) return call;
      throw new Error(`the build does not know the import of ${name}`);
    })
    .replace(new RegExp(`import\\(["'\`]${OPTIONAL_PEER}["'\`]\\)`), `peers["${OPTIONAL_PEER}"]()`)
    .trimEnd();
  if (/\bimport\(/.test(handed)) throw new Error('the build does not know a dynamic import');
  await write('shared.cjs', [
    '"use strict";',
    'let loaded;',
    'const load = (function load(peers, exports) {',
    inLines(handed),
    'return exports;',
    '});',
    'module.exports = (peers) => (loaded ??= load(peers, {}));',
  ]);
  // Node parses a file of CommonJS that an ES module imports a second time, for its exports. This one is short.
  await write('load.cjs', [
    '"use strict";',
    "const load = require('./shared.cjs');",
    'module.exports = load;',
  ]);
}

/** @param {string} peer @returns {string} a name for it in code */
const nameOf = (peer) => peer.replaceAll(/\W/g, '_');

/** The two files that load the peers. */
async function writePeers() {
  await write('peers.js', [
    ...PEERS.map((peer) => `import * as ${nameOf(peer)} from '${peer}';`),
    "import load from './load.cjs';",
    'export default load({',
    ...PEERS.map((peer) => `  '${peer}': ${nameOf(peer)},`),
    `  '${OPTIONAL_PEER}': () => import('${OPTIONAL_PEER}').catch(() => undefined),`,
    '});',
  ]);
  await write('peers.cjs', [
    '"use strict";',
    "const load = require('./shared.cjs');",
    'module.exports = load({',
    ...PEERS.map((peer) => `  '${peer}': require('${peer}'),`),
    `  '${OPTIONAL_PEER}': () => {`,
    '    try {',
    `      return require('${OPTIONAL_PEER}');`,
    '    } catch {}',
    '  },',
    '});',
  ]);
}

/** Indents the rolled-up types by two spaces instead of four, which is 3 kB. */
async function writeTypes() {
  await run('api-extractor', 'run', '--local', '-c', 'api-extractor.types.json');
  const types = await readFile(join(dist, 'shared.d.cts'), 'utf8');
  await writeFile(
    join(dist, 'shared.d.cts'),
    types.replaceAll(/^(?: {4})+/gm, (indent) => indent.slice(indent.length / 2)),
  );
}

/**
 * The lists of names that make up an entry.
 *
 * @param {string} name
 * @param {string} types the declarations of the entry: lists of exports and nothing else
 */
async function writeEntry(name, types) {
  const values = [...types.matchAll(/^export \{([^}]+)\} from/gm)]
    .flatMap(([, names = '']) => names.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith('type '));
  const lists = types.trimEnd().replaceAll(/ from '[^']+';/g, " from './shared.cjs';");
  await write(`${name}.d.ts`, [lists]);
  await write(`${name}.d.cts`, [lists]);
  await write(`${name}.js`, [
    "import shared from './peers.js';",
    'export const {',
    ...values.map((value) => `  ${value},`),
    '} = shared;',
  ]);
  await write(`${name}.cjs`, [
    '"use strict";',
    "Object.defineProperty(exports, '__esModule', { value: true });",
    "const shared = require('./peers.cjs');",
    ...values.map((value) => `exports.${value} = shared.${value};`),
  ]);
}

/** @param {string} file @param {string[]} lines */
function write(file, lines) {
  return writeFile(join(dist, file), `${lines.join('\n')}\n`);
}

for (const folder of [modules, dist]) await rm(folder, { recursive: true, force: true });
await run('tsc', '-p', 'tsconfig.build.json');
await mkdir(dist);
const all = Object.values(ENTRIES).map((module) => `export * from './${module}.js';\n`);
for (const file of ['all.js', 'all.d.ts']) await writeFile(join(modules, file), all.join(''));
await Promise.all([bundleCode(), writePeers(), writeTypes()]);
for (const [name, module] of Object.entries(ENTRIES)) {
  await writeEntry(name, await readFile(join(modules, `${module}.d.ts`), 'utf8'));
}
