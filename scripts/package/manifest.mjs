// @ts-check
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const MANIFEST = fileURLToPath(new URL('../../package.json', import.meta.url));
/** The manifest of the client package, which has the same version and repository. */
export const CLIENT_MANIFEST = fileURLToPath(new URL('../../client/package.json', import.meta.url));

/**
 * @typedef {object} Manifest
 * @property {string} version
 * @property {{ type: string, url: string, directory?: string }} [repository]
 * @property {string} [homepage]
 * @property {{ url: string }} [bugs]
 */

/** @returns {Manifest} */
export function manifest(path = MANIFEST) {
  return JSON.parse(readFileSync(path, 'utf8'));
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
 * @param {string} [directory] of the package in the repository
 */
export function addressFields(address, directory) {
  return {
    homepage:
      directory === undefined ? `${address}#readme` : `${address}/tree/main/${directory}#readme`,
    repository: {
      type: 'git',
      url: `git+${address}.git`,
      ...(directory !== undefined && { directory }),
    },
    bugs: { url: `${address}/issues` },
  };
}
