// @ts-check
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linkedFiles } from '../docs-check/links.mjs';
import { CONTENTS, MAX_BYTES } from '../package/contents.mjs';
import { addressFields, manifest, repositoryAddress } from '../package/manifest.mjs';

/**
 * @typedef {object} Packed
 * @property {string} tarball
 * @property {string[]} files
 * @property {number} unpackedSize
 */

/**
 * The package has the files of the list and no other, and is no larger than its limit.
 *
 * @param {Packed} packed
 * @returns {Promise<string>} the figures
 */
export async function checkContents({ files, unpackedSize }) {
  assert.deepEqual([...files].sort(), CONTENTS);
  const [kB, limit] = [unpackedSize, MAX_BYTES].map((bytes) => Math.ceil(bytes / 1_000));
  const result = `${files.length} files, ${kB} kB unpacked`;
  assert.ok(unpackedSize <= MAX_BYTES, `${result}; the limit is ${limit} kB`);
  return result;
}

/**
 * The address of the repository is written in all fields of package.json, or in none: `npm run repository` writes them.
 */
export async function checkAddress() {
  const { homepage, repository, bugs, ...rest } = manifest();
  const address = repositoryAddress({ repository, ...rest });
  assert.deepEqual(
    { homepage, repository, bugs },
    address === undefined
      ? { homepage: undefined, repository: undefined, bugs: undefined }
      : addressFields(address),
  );
}

/**
 * A reader of the pages in node_modules, or in a package viewer, finds everything that they link to.
 *
 * @param {string} installed the folder of the installed package
 */
export async function checkLinks(installed) {
  for (const path of CONTENTS.filter((file) => file.endsWith('.md'))) {
    const text = await readFile(join(installed, path), 'utf8');
    const missing = linkedFiles({ path, text }).filter((file) => !CONTENTS.includes(file));
    assert.deepEqual(missing, [], `${path} links to files that are not in the package`);
  }
}
