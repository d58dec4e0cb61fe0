// @ts-check
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from './on-path.mjs';

const run = promisify(execFile);

/**
 * Gets redis-server and redis-cli from Debian's packages and unpacks them into `target`, as
 * `target/bin/redis-server` and `target/bin/redis-cli`. Nothing is installed and nothing of the
 * system is written, so it needs no root.
 *
 * @param {string} target a folder that does not exist yet
 */
export async function fetchFromDebian(target) {
  if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) {
    throw new Error('this is not Debian (no apt-get and dpkg-deb), so none can be fetched');
  }
  await mkdir(dirname(target), { recursive: true });
  const work = await mkdtemp(`${target}-unfinished-`);
  try {
    const root = join(work, 'root');
    const packages = join(work, 'apt');
    for (const deb of await download(packages)) await run('dpkg-deb', ['-x', deb, root]);
    await writeCommands(join(work, 'bin'), root);
    await run(join(work, 'bin/redis-server'), ['--version']);
    await rm(packages, { recursive: true });
    // The last step, so that a half-done fetch is never taken for a whole one.
    await rename(work, target);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Downloads the package and what it needs that this machine has not got.
 *
 * @param {string} folder for apt's own files
 */
async function download(folder) {
  const archives = join(folder, 'cache/archives');
  await mkdir(join(archives, 'partial'), { recursive: true });
  await mkdir(join(folder, 'state/lists/partial'), { recursive: true });

  // A cache of our own and no locks: apt then needs no root and writes nothing of the system.
  const options = ['Debug::NoLocking=1', 'APT::Sandbox::User=root', `Dir::Cache=${folder}/cache`];
  // Debian's redis-server is a link to the redis-check-rdb of this package, which has no service
  // that could start. `--reinstall`: download it even where it is installed.
  const get = 'install -qq -y --reinstall --no-install-recommends --download-only redis-tools';
  try {
    await apt(get, options);
  } catch {
    // No package lists on this machine, or old ones: get lists of our own.
    const own = [`Dir::State=${folder}/state`, 'Dir::State::status=/var/lib/dpkg/status'];
    await apt('update -qq', [...options, ...own]);
    await apt(get, [...options, ...own]);
  }
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
 * Writes the commands: scripts that find their libraries by themselves, so that a path is all that
 * anybody has to know of them.
 *
 * @param {string} bin
 * @param {string} root what the packages were unpacked into, beside `bin`
 */
async function writeCommands(bin, root) {
  await mkdir(bin);
  await symlink('redis-check-rdb', join(root, 'usr/bin/redis-server'));
  const libraries = (await librariesUnder(root)).map((folder) => `$root/${folder}`).join(':');
  for (const name of ['redis-server', 'redis-cli']) {
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
