// @ts-check
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchFromDebian } from '../debian.mjs';
import { withLock } from '../lock.mjs';
import { isExecutable, onPath } from '../on-path.mjs';
import { messageOf } from '../../thrown.mjs';

/** Survives `npm ci`, unlike a cache in node_modules. */
const cache = fileURLToPath(new URL('../../../.cache/redis', import.meta.url));

/** As with Redis, the server is a link to a program of the package without a service. */
const valkey = {
  package: 'valkey-tools',
  commands: { 'valkey-server': 'valkey-check-rdb', 'valkey-cli': 'valkey-cli' },
};

/**
 * @typedef {{ server: string, how: string } | { server: null, reason: string }} FoundValkey
 */

/**
 * Finds a valkey-server: VALKEY_SERVER_BIN, or the one on the PATH, or one fetched from Debian's packages (those of
 * the release, or its backports) into the project's cache. If there is none, it returns the reason.
 *
 * @returns {Promise<FoundValkey>}
 */
export async function findValkey() {
  const named = process.env.VALKEY_SERVER_BIN;
  if (named) return { server: named, how: 'VALKEY_SERVER_BIN' };
  const installed = await onPath('valkey-server');
  if (installed) return { server: installed, how: 'the PATH' };
  try {
    return { server: await fetched(), how: "Debian's packages" };
  } catch (error) {
    const why = messageOf(error);
    return { server: null, reason: `none is on the PATH, and fetching one failed: ${why}` };
  }
}

async function fetched() {
  const folder = join(cache, `valkey-${process.platform}-${process.arch}`);
  const server = join(folder, 'bin/valkey-server');
  if (await isExecutable(server)) return server;
  await mkdir(cache, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (await isExecutable(server)) return;
    const sources = await backports();
    await fetchFromDebian(folder, valkey).catch(async (error) => {
      if (sources === '') throw error;
      await fetchFromDebian(folder, { ...valkey, sources });
    });
  });
  return server;
}

/** The archives of this machine's release, and the backports of that release. */
async function backports() {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const [, name] = /^VERSION_CODENAME=(\w+)$/m.exec(release) ?? [];
  if (name === undefined) return '';
  const archives = (await configuredArchives()).filter(({ suites }) => suites.includes(name));
  return archives
    .flatMap(({ uri, options }) =>
      [name, `${name}-backports`].map((suite) => `deb ${options}${uri} ${suite} main\n`),
    )
    .join('');
}

/** @returns {Promise<{ uri: string, suites: string[], options: string }[]>} */
async function configuredArchives() {
  const folder = '/etc/apt/sources.list.d';
  const names = await readdir(folder).catch(() => []);
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(folder, name))];
  const archives = [];
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => '');
    for (const [, options = '', uri = '', suite = ''] of text.matchAll(
      /^deb +(\[[^\]]*\] +)?(\S+) +(\S+)/gm,
    )) {
      archives.push({ uri, suites: [suite], options });
    }
    if (!file.endsWith('.sources')) continue;
    for (const stanza of text.split(/\n\s*\n/)) {
      /** @param {string} field */
      const words = (field) =>
        new RegExp(`^${field}: *(.+)$`, 'm').exec(stanza)?.[1]?.split(/\s+/) ?? [];
      const [signedBy] = words('Signed-By');
      const options = signedBy?.startsWith('/') ? `[signed-by=${signedBy}] ` : '';
      for (const uri of words('URIs')) archives.push({ uri, suites: words('Suites'), options });
    }
  }
  return archives;
}
