// @ts-check
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from './on-path.mjs';

const run = promisify(execFile);

/**
 * @typedef {object} Wanted
 * @property {string} package a package without a service that could start; or several, separated by spaces
 * @property {Record<string, string>} commands name of a command -> the program of the package
 * @property {string} [showVersion] the argument with which each command shows its version; default: `--version`
 * @property {string} [sources] apt's sources, in its one-line form; default: those of this machine
 */

/**
 * Debian's redis-server is a link to the redis-check-rdb of this package.
 *
 * @type {Wanted}
 */
const redis = {
  package: 'redis-tools',
  commands: { 'redis-server': 'redis-check-rdb', 'redis-cli': 'redis-cli' },
};

/**
 * Fetches commands such as redis-server from Debian's packages and unpacks them into `target`, as
 * `target/bin/redis-server`. Nothing is installed and no system file is written, so it does not need root.
 *
 * @param {string} target a folder that does not exist yet
 * @param {Wanted} [wanted]
 */
export async function fetchFromDebian(target, wanted = redis) {
  if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) {
    throw new Error('this is not Debian (no apt-get and dpkg-deb), so none can be fetched');
  }
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(`${target}-unfinished-`);
  try {
    const root = join(work, 'root');
    const packages = join(work, 'apt');
    for (const deb of await download(packages, wanted)) await run('dpkg-deb', ['-x', deb, root]);
    await writeCommands(join(work, 'bin'), root, wanted);
    for (const name of Object.keys(wanted.commands)) {
      await run(join(work, 'bin', name), [wanted.showVersion ?? '--version']);
    }
    await rm(packages, { recursive: true });
    // The last step, so that an unfinished fetch is never taken for a complete one.
    await rename(work, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Downloads the package and its dependencies that are missing on this machine.
 *
 * @param {string} folder for apt's own files
 * @param {Wanted} wanted
 */
async function download(folder, wanted) {
  const archives = join(folder, 'cache/archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });

  // With a cache of our own and no locks, apt does not need root and writes no system file.
  const options = ['Debug::NoLocking=1', 'APT::Sandbox::User=root', `Dir::Cache=${folder}/cache`];
  // `--reinstall` downloads the package even if it is installed.
  const get = `install -qq -y --reinstall --no-install-recommends --download-only ${wanted.package}`;
  const own = [`Dir::State=${folder}/state`, 'Dir::State::status=/var/lib/dpkg/status'];
  if (wanted.sources !== undefined) {
    await writeFile(join(folder, 'sources.list'), wanted.sources);
    own.push(`Dir::Etc::SourceList=${folder}/sources.list`, 'Dir::Etc::SourceParts=/dev/null');
  }
  const withOwnLists = async () => {
    await apt('update -qq', [...options, ...own]);
    await apt(get, [...options, ...own]);
  };
  if (wanted.sources !== undefined) await withOwnLists();
  // This machine has no package lists, or old ones: fetch our own.
  else await apt(get, options).catch(withOwnLists);
  const names = (await readdir(archives)).filter((name) => name.endsWith('.deb'));
  return names.map((name) => join(archives, name));
}

/**
 * @param {string} command
 * @param {string[]} options
 */
async function apt(command, options) {
  await run('apt-get', [...options.flatMap((option) => ['-o', option]), ...command.split(' ')], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
}

/**
 * Writes the commands: scripts that set the path of their libraries, so that the path of a command is enough to run
 * it.
 *
 * @param {string} bin
 * @param {string} root the folder of the unpacked packages, next to `bin`
 * @param {Wanted} wanted
 */
async function writeCommands(bin, root, { commands }) {
  await mkdir(bin);
  await mkdir(join(root, 'usr/bin'), { recursive: true });
  const libraries = (await librariesUnder(root)).map((folder) => `$root/${folder}`).join(':');
  for (const [name, program] of Object.entries(commands)) {
    // The program decides by its name which command it is.
    if (name !== program) await symlink(program, join(root, 'usr/bin', name));
    const script = `#!/bin/sh
root=$(CDPATH= cd -- "$(dirname -- "$0")/../root" && pwd)
export LD_LIBRARY_PATH="${libraries}"
exec "$root/usr/bin/${name}" "$@"
`;
    await writeFile(join(bin, name), script, { mode: 0o755 });
  }
}

/** @param {string} root */
async function librariesUnder(root) {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const libraries = entries.filter(({ name }) => /\.so(\.|$)/.test(name));
  return [...new Set(libraries.map((entry) => relative(root, entry.parentPath)))];
}
