// @ts-check
/**
 * Runs the conformance and integration suites and the tests of the publishing command, with the oldest and the newest peers that
 * package.json declares, on Nest 11 and 12, ioredis 5 and 6, and each supported Node:
 * `npm run test:peers -- [--only NAME,NAME] [test paths]`.
 *
 * A peer that does not fit fails each time. So a test file that fails is run again, twice, and has to pass both times. The
 * last lines name it as unstable: the fault is in the test or in the library, and `npm test` runs the same files once.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../thrown.mjs';
import { peerSets } from './sets.mjs';

const project = fileURLToPath(new URL('../..', import.meta.url));
const SUITES = ['test/conformance', 'test/integration', 'test/unit/redis/lean-publish.spec.ts'];
/** Installs an app with its own lock file, so nothing in it follows the versions of a set. */
const LEFT_OUT = 'test/integration/examples-chat/';
/** More failed files than these are no accident. */
const MAX_UNSTABLE = 2;
const COPIED = [
  'src',
  'test',
  'scripts',
  'examples',
  'docs',
  'etc',
  'README.md',
  'jest.config.mjs',
];
const COPIED_TOO = ['tsconfig.json', 'tsconfig.build.json', '.npmrc'];

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd: string, path?: string, quiet?: boolean }} how `path` comes first in PATH; a quiet command prints
 * only if it fails
 */
async function run(command, args, { cwd, path, quiet = false }) {
  const PATH = [path, process.env.PATH].filter((part) => part !== undefined).join(delimiter);
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, PATH },
    stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (part) => (printed += part));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} exited with ${code}\n${printed}`);
}

/**
 * A copy of the project with the packages of the set.
 *
 * @param {string} folder
 * @param {import('./sets.mjs').PeerSet} set
 */
async function install(folder, { versions }) {
  /** @param {string} source */
  const isSource = (source) => !/(^|[\\/])(node_modules|dist)$/.test(source.slice(project.length));
  for (const name of [...COPIED, ...COPIED_TOO]) {
    await cp(join(project, name), join(folder, name), { recursive: true, filter: isSource });
  }
  // The Redis of the tests is fetched only once.
  await mkdir(join(project, '.cache'), { recursive: true });
  await symlink(join(project, '.cache'), join(folder, '.cache'), 'dir');

  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'));
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund'];
  if (versions === 'locked') {
    await cp(join(project, 'package.json'), join(folder, 'package.json'));
    await cp(join(project, 'package-lock.json'), join(folder, 'package-lock.json'));
    await run('npm', ['ci', ...quiet], { cwd: folder, quiet: true });
    return;
  }
  for (const [name, version] of Object.entries(versions)) {
    // An override has to agree with a direct dependency, which `$name` says.
    const kind = name in manifest.dependencies ? 'dependencies' : 'devDependencies';
    manifest[kind][name] = version;
    manifest.overrides[name] = `$${name}`;
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest, null, 2));
  await run('npm', ['install', '--no-package-lock', ...quiet], { cwd: folder, quiet: true });
}

/**
 * @param {string} folder
 * @param {number} major
 * @returns {Promise<string>} a Node of that version, out of the npm registry
 */
async function installNode(folder, major) {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  await mkdir(folder, { recursive: true });
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'];
  await run('npm', [...args, `${name}@${major}`], { cwd: folder, quiet: true });
  return join(folder, 'node_modules', name, 'bin', 'node');
}

/**
 * @param {import('./sets.mjs').PeerSet} set
 * @param {string[]} tests
 * @returns {Promise<string[]>} the unstable test files
 */
async function check(set, tests) {
  const work = await mkdtemp(join(tmpdir(), `peers-${set.name}-`));
  try {
    const folder = join(work, 'project');
    await install(folder, set);
    const node =
      set.node === undefined ? process.execPath : await installNode(join(work, 'node'), set.node);
    await printVersions(folder, node, set.name);
    // As `npm test`: garbage collection is rarer with a larger young generation.
    const jest = ['--max-semi-space-size=64', join('node_modules', 'jest', 'bin', 'jest.js')];
    const leftOut = [LEFT_OUT, ...(set.leftOut ?? [])];
    const ignored = ['--testPathIgnorePatterns', '/node_modules/', ...leftOut];
    const results = join(work, 'results.json');
    const outcome = ['--json', '--outputFile', results];
    const how = { cwd: folder, path: dirname(node) };
    try {
      await run(node, [...jest, ...outcome, ...tests, ...ignored], how);
      return [];
    } catch (error) {
      const failed = await failedFiles(results, folder);
      if (failed.length === 0 || failed.length > MAX_UNSTABLE) throw error;
      console.error(`${messageOf(error)}\nOnce more, twice: ${failed.join(' ')}`);
      for (let times = 0; times < 2; times++)
        await run(node, [...jest, '--runTestsByPath', ...failed], how);
      return failed;
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * @param {string} results of Jest
 * @param {string} folder
 */
async function failedFiles(results, folder) {
  // Jest writes no results if it does not come to the tests.
  const text = await readFile(results, 'utf8').catch(() => '{ "testResults": [] }');
  /** @type {{ testResults: { name: string, status: string }[] }} */
  const { testResults } = JSON.parse(text);
  return testResults
    .filter(({ status }) => status === 'failed')
    .map(({ name }) => relative(folder, name));
}

/**
 * @param {string} folder
 * @param {string} node
 * @param {string} name of the set
 */
async function printVersions(folder, node, name) {
  const peers = ['@nestjs/core', 'socket.io', 'engine.io', 'ws', 'ioredis', 'rxjs'];
  const versions = peers.map(async (peer) => {
    const path = join(folder, 'node_modules', peer, 'package.json');
    return `${peer} ${JSON.parse(await readFile(path, 'utf8')).version}`;
  });
  console.log(`\n--- ${name}: ${(await Promise.all(versions)).join(', ')}`);
  await run(node, ['-p', '"Node " + process.version'], { cwd: folder });
}

const { values, positionals } = parseArgs({
  options: { only: { type: 'string' } },
  allowPositionals: true,
});
const only = values.only?.split(',');
const unknown = only?.filter((name) => !peerSets.some((set) => set.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(
    `There is no ${unknown.join(', ')}. Sets: ${peerSets.map(({ name }) => name).join(', ')}.`,
  );
  process.exit(1);
}
const results = [];
for (const set of peerSets) {
  if (only && !only.includes(set.name)) continue;
  const start = performance.now();
  let outcome = 'ok    ';
  let unstable = '';
  try {
    const files = await check(set, positionals.length > 0 ? positionals : SUITES);
    if (files.length > 0) unstable = `, UNSTABLE: ${files.join(' ')}`;
  } catch (error) {
    console.error(messageOf(error));
    outcome = 'FAILED';
    process.exitCode = 1;
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  results.push(`${outcome}  ${set.name} (${seconds} s)${unstable}`);
}
console.log(`\n${results.join('\n')}`);
