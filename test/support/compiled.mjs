// @ts-check
import { transformSync } from '@swc/core';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, extname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Compiles the sources once for each run of the tests. Processes started by tests then need half the time: Node
// neither compiles for them nor asks another thread for the location of each module.

const project = fileURLToPath(new URL('../..', import.meta.url));
/** Resolves packages from here like from the project, never from those that an example has installed. */
const folder = join(project, 'node_modules', '.cache', 'compiled');
const manifest = join(folder, 'manifest.json');
const SOURCES = ['src', 'test', 'examples'];
/**
 * The examples import the library by its names.
 *
 * @type {Record<string, string>}
 */
export const LIBRARY = {
  'nestjs-redis-propagator': 'src/index.ts',
  'nestjs-redis-propagator/testing': 'src/testing/index.ts',
};
const SPECIFIER =
  /\b(from|import|import\()(\s*)(["'])(\.{1,2}\/[^"']+|nestjs-redis-propagator(?:\/testing)?)\3/g;

/** @type {import('@swc/core').Options} */
export const swcOptions = {
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
  },
  module: { type: 'es6' },
  sourceMaps: 'inline',
};

/**
 * The path of the compiled form of a source file.
 *
 * @param {string} source such as `test/fixtures/process-app/main.ts`
 */
export function compiled(source) {
  return join(folder, relative(project, resolve(project, source)).replace(/\.ts$/, '.js'));
}

/**
 * Compiles the sources that have changed since the last run, and removes the output of deleted ones.
 *
 * @returns {string} the state of the sources: differs if any of them has changed
 */
export function compileAll() {
  const compiler = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  const key = compiler.digest('hex');
  const before = readManifest();
  if (before.key !== key) rmSync(folder, { recursive: true, force: true });
  const known = before.key === key ? before.files : {};
  /** @type {Record<string, string>} */
  const files = {};
  for (const source of SOURCES.flatMap((name) => sourcesIn(join(project, name)))) {
    const output = compiled(source);
    const { mtimeMs, size } = statSync(source);
    files[output] = `${mtimeMs} ${size}`;
    if (known[output] !== files[output] || !existsSync(output)) compile(source, output);
  }
  for (const output of Object.keys(known)) {
    if (!(output in files)) rmSync(output, { force: true });
  }
  write(join(folder, 'package.json'), '{ "type": "module" }');
  const state = JSON.stringify({ key, files });
  write(manifest, state);
  return state;
}

/**
 * @returns {{ key?: string, files: Record<string, string> }} the key of the compiler, and the output of each source
 */
function readManifest() {
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')) : { files: {} };
}

/**
 * @param {string} source
 * @param {string} output
 */
function compile(source, output) {
  const { code } = transformSync(readFileSync(source, 'utf8'), { ...swcOptions, filename: source });
  write(output, asIfAt(source, code));
}

/**
 * Makes imports that are not compiled, and files read next to the source, resolve from the place of the source.
 *
 * @param {string} source
 * @param {string} code
 */
function asIfAt(source, code) {
  return code
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(source)))
    .replaceAll(SPECIFIER, (whole, keyword, space, _quote, specifier) => {
      const target = Object.hasOwn(LIBRARY, specifier)
        ? compiled(LIBRARY[specifier] ?? '')
        : importedBy(source, specifier);
      return target === undefined
        ? whole
        : `${keyword}${space}${JSON.stringify(pathToFileURL(target).href)}`;
    });
}

/**
 * The imported file; undefined if it is compiled as well.
 *
 * @param {string} source
 * @param {string} specifier
 */
function importedBy(source, specifier) {
  const target = resolve(dirname(source), specifier);
  const isCompiled = existsSync(target.replace(/\.js$/, '.ts'));
  return isCompiled || !existsSync(target) ? undefined : target;
}

/** @param {string} path @returns {string[]} */
function sourcesIn(path) {
  return filesIn(path).filter(
    (file) =>
      extname(file) === '.ts' && !file.endsWith('.spec.ts') && !file.includes(`${sep}web${sep}`),
  );
}

/** @param {string} path @returns {string[]} */
function filesIn(path) {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === 'node_modules') return [];
    const inside = join(path, entry.name);
    return entry.isDirectory() ? filesIn(inside) : [inside];
  });
}

/**
 * Other runs of the tests may read the file meanwhile.
 *
 * @param {string} path
 * @param {string} text
 */
function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, path);
}
