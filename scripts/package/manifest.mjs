// @ts-check
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const MANIFEST = fileURLToPath(new URL('../../package.json', import.meta.url));

/**
 * @typedef {object} Manifest
 * @property {string} version
 * @property {{ type: string, url: string }} [repository]
 * @property {string} [homepage]
 * @property {{ url: string }} [bugs]
 */

/** @returns {Manifest} */
export function manifest() {
  return JSON.parse(readFileSync(MANIFEST, 'utf8'));
}

/**
 * The address of the repository for people: package.json has it in the form for Git.
 *
 * @param {Manifest} manifest
 * @returns {string | undefined} undefined until package.json has one
 */
export function repositoryAddress({ repository }) {
  return repository?.url.replace(/^git\+/, '').replace(/\.git$/, '');
}

/**
 * The fields of package.json that follow from the address.
 *
 * @param {string} address
 */
export function addressFields(address) {
  return {
    homepage: `${address}#readme`,
    repository: { type: 'git', url: `git+${address}.git` },
    bugs: { url: `${address}/issues` },
  };
}
