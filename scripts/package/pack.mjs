// @ts-check
/**
 * Before `npm pack` and `npm publish`: the pages of the package get the links of a published page. Afterwards, with
 * `--restore`, they are again those of the repository.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { page, project } from '../docs-check/pages.mjs';
import { CONTENTS } from './contents.mjs';
import { manifest, repositoryAddress } from './manifest.mjs';
import { publishedPage } from './published-page.mjs';

const about = manifest();

/**
 * The changelog without mended faults, and without the entries of the first version: the package stays small.
 *
 * @param {string} text
 * @param {string} path
 */
const shortened = (text, path) => {
  const end = path === 'CHANGELOG.md' ? text.indexOf('## [0.1.0]') : -1;
  if (end < 0) return text;
  const news = text.slice(0, end).replaceAll(/^### Fixed\n[\s\S]*?(?=^##)/gm, '');
  return `${news}Mended faults, and the entries of 0.1.0, are in the changelog of the repository.\n`;
};

/** @param {string} text @param {string} path */
const published = (text, path) =>
  publishedPage(
    { path, text: shortened(text, path) },
    {
      has: (name) => CONTENTS.includes(name),
      address: repositoryAddress(about),
      version: about.version,
    },
  );

/** Where the page of the repository is kept meanwhile. */
const kept = (/** @type {string} */ path) => `.cache/pages/${path}`;

for (const path of CONTENTS.filter((file) => file.endsWith('.md'))) {
  // Also before packing, because an earlier run may have been interrupted. A page that was edited since then stays.
  if (existsSync(join(project, kept(path)))) {
    const { text } = page(kept(path));
    if (page(path).text === published(text, path)) writeFileSync(join(project, path), text);
    rmSync(join(project, kept(path)));
  }
  if (process.argv.includes('--restore')) continue;
  mkdirSync(join(project, '.cache/pages'), { recursive: true });
  copyFileSync(join(project, path), join(project, kept(path)));
  writeFileSync(join(project, path), published(page(path).text, path));
}
