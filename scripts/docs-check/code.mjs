// @ts-check
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeBlocks } from './markdown.mjs';
import { filesIn, project } from './pages.mjs';

/**
 * @typedef {import('./pages.mjs').Page} Page
 * @typedef {import('./markdown.mjs').CodeBlock} Block
 *
 * @typedef {object} CheckedCode
 * @property {string[]} problems compiler errors, by page and line
 * @property {number} compiled the number of compiled blocks
 * @property {string[]} fromExamples blocks that are copied from an example, which is compiled as a whole
 * @property {string[]} notChecked blocks marked with `ts no-check`
 */

const PRELUDE = join(project, 'scripts/docs-check/prelude');

/**
 * A block that begins with `// src/main.ts` or `// client.mjs` becomes that file, and the other blocks of its page
 * may import it.
 */
const FILE_NAME = /^\/\/ ((?:src|test)\/[\w./-]+\.ts|[\w-]+\.mjs)\n/;

/**
 * The blocks of some languages on some pages.
 *
 * @param {Page[]} pages
 * @param {string[]} languages
 * @returns {Block[]}
 */
export function blocksIn(pages, ...languages) {
  return pages.flatMap(codeBlocks).filter(({ language }) => languages.includes(language));
}

/**
 * The blocks of a page that are named files, by name.
 *
 * @param {Page} page
 * @returns {Map<string, string>}
 */
export function filesOf(page) {
  const files = new Map();
  for (const { code } of blocksIn([page], 'ts', 'js')) {
    const name = FILE_NAME.exec(code)?.[1];
    if (name !== undefined) files.set(name, code);
  }
  return files;
}

/**
 * Compiles all TypeScript and JavaScript of the pages as one program. Each block is a module of its own, and each
 * page a folder. The declarations that fragments rely on are in `prelude`.
 *
 * @param {Page[]} pages
 * @param {string} folder inside the project, for the files of the program; emptied before
 * @returns {Promise<CheckedCode>}
 */
export async function checkCode(pages, folder) {
  const examples = exampleSources();
  /** @type {CheckedCode} */
  const result = { problems: [], compiled: 0, fromExamples: [], notChecked: [] };
  /** @type {Map<string, Block>} */
  const files = new Map();
  for (const block of blocksIn(pages, 'ts', 'tsx', 'js')) {
    if (/\bno-check\b/.test(block.info)) result.notChecked.push(block.at);
    else if (examples.includes(unindented(block.code))) result.fromExamples.push(block.at);
    else {
      // JavaScript is checked like TypeScript.
      const name =
        FILE_NAME.exec(block.code)?.[1]?.replace(/\.mjs$/, '.mts') ??
        `line-${block.line}.${block.language === 'tsx' ? 'tsx' : 'ts'}`;
      const path = `${block.page.replaceAll(/[/.]/g, '-')}/${name}`;
      if (files.has(path)) result.problems.push(`${block.at}: ${name} is there already`);
      files.set(path, block);
    }
  }
  result.compiled = files.size;
  await writeProgram(folder, files);
  for (const line of await compile(folder)) {
    const [, path = '', at = '', message = ''] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line) ?? [];
    const block = files.get(path);
    if (block) result.problems.push(`${block.page}:${block.line + Number(at)}: ${message}`);
    // Errors of the library itself are found by `npm run typecheck`.
    else if (!path.startsWith('../../src/')) result.problems.push(line);
  }
  return result;
}

/**
 * @param {string} folder
 * @param {Map<string, Block>} files
 */
async function writeProgram(folder, files) {
  await rm(folder, { recursive: true, force: true });
  for (const [path, { code }] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // Without an import or an export it would be a script, whose names are global.
    await writeFile(join(folder, path), `${code}export {};\n`);
  }
  const pages = [...new Set([...files.keys()].map((path) => path.split('/')[0]))];
  const config = {
    extends: join(project, 'tsconfig.json'),
    compilerOptions: {
      jsx: 'react-jsx',
      // The prelude stands in for files that a page only mentions, such as ./app.module.js.
      rootDirs: [...pages.flatMap((page) => [`./${page}`, `./${page}/src`]), PRELUDE],
      paths: {
        'nestjs-redis-propagator': [join(project, 'src/index.ts')],
        'nestjs-redis-propagator/testing': [join(project, 'src/testing/index.ts')],
        'nestjs-redis-propagator-client': [join(project, 'client/src/index.ts')],
        'nestjs-redis-propagator-client/presence': [join(project, 'client/presence/index.ts')],
        'nestjs-redis-propagator-client/react': [join(project, 'client/react/index.ts')],
      },
    },
    include: ['.', PRELUDE, join(project, 'src/**/*.d.ts')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config, undefined, 2));
}

/**
 * @param {string} folder
 * @returns {Promise<string[]>} a line for each error
 */
function compile(folder) {
  const tsc = join(project, 'node_modules/.bin/tsc');
  return new Promise((resolve, reject) => {
    execFile(tsc, ['-p', '.', '--pretty', 'false'], { cwd: folder }, (error, stdout, stderr) => {
      if (error && stdout === '') reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout.split('\n').filter((line) => /^\S.*: error /.test(line)));
    });
  });
}

/** The sources of all examples in one text. */
function exampleSources() {
  return filesIn('examples')
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => unindented(readFileSync(join(project, path), 'utf8')))
    .join('\n');
}

/**
 * Removes the indentation of code from inside a file.
 *
 * @param {string} code
 */
function unindented(code) {
  return code.replaceAll(/^ +/gm, '');
}
