// @ts-check
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Installs the packages of this folder's package.json, unless they are there in the locked versions. */
export function installPeers() {
  const { packages } = JSON.parse(readFileSync(`${here}package-lock.json`, 'utf8'));
  const isThere = Object.entries(packages).every(([path, { version }]) => {
    if (path === '') return true;
    const file = `${here}${path}/package.json`;
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  });
  if (isThere) return;
  console.error('Installing the peers (bench/package-lock.json) ...');
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here, stdio: ['ignore', 2, 2] });
}
