// @ts-check
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchFromDebian } from '../redis/debian.mjs';
import { withLock } from '../redis/lock.mjs';
import { isExecutable, onPath } from '../redis/on-path.mjs';

const cache = fileURLToPath(new URL('../../.cache/nginx', import.meta.url));

/**
 * Finds an nginx: the one on the PATH, or one fetched from Debian's packages into the project's cache.
 *
 * @returns {Promise<string>} its path
 */
export async function findNginx() {
  return (await onPath('nginx')) ?? fetched();
}

async function fetched() {
  const folder = join(cache, `${process.platform}-${process.arch}`);
  const nginx = join(folder, 'bin/nginx');
  if (await isExecutable(nginx)) return nginx;
  await mkdir(cache, { recursive: true });
  await withLock(`${folder}.lock`, async () => {
    if (await isExecutable(nginx)) return;
    const commands = { nginx: '../sbin/nginx' };
    await fetchFromDebian(folder, { package: 'nginx', commands, showVersion: '-v' });
  });
  return nginx;
}
