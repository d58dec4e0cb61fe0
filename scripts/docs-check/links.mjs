// @ts-check
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path/posix';
import { anchors, links } from './markdown.mjs';
import { project } from './pages.mjs';

/** @typedef {import('./pages.mjs').Page} Page */

/**
 * Finds broken links of a page: relative links must lead to a file of this repository, and an anchor to a heading
 * of it.
 *
 * @param {Page} page
 * @returns {string[]} a line for each
 */
export function brokenLinks(page) {
  return links(page.text).flatMap(({ target, line }) => {
    const fault = faultOf(page, target);
    return fault === undefined ? [] : [`${page.path}:${line}: ${target}: ${fault}`];
  });
}

/**
 * The files of this repository that a page links to, without anchors.
 *
 * @param {Page} page
 * @returns {string[]}
 */
export function linkedFiles(page) {
  const files = links(page.text)
    .map(({ target }) => target)
    .filter((target) => !isElsewhere(target) && !target.startsWith('#'))
    .map((target) => resolved(page, target).file);
  return [...new Set(files)];
}

/**
 * @param {Page} page
 * @param {string} target
 * @returns {string | undefined}
 */
function faultOf(page, target) {
  if (isElsewhere(target)) return URL.canParse(target) ? undefined : 'no URL';
  if (target.startsWith('/')) return 'begins with a slash: it works on no page';
  const { file, anchor } = resolved(page, target);
  if (file.startsWith('..')) return 'leads out of the repository';
  const path = join(project, file);
  if (!existsSync(path)) return 'no such file';
  if (anchor === undefined) return undefined;
  if (!file.endsWith('.md')) return 'an anchor in a file that is no page';
  if (statSync(path).isDirectory()) return 'an anchor in a folder';
  return anchors(readFileSync(path, 'utf8')).has(anchor) ? undefined : 'no such heading';
}

/**
 * @param {Page} page
 * @param {string} target
 */
function resolved({ path }, target) {
  const [file = '', anchor] = target.split('#');
  return { file: file === '' ? path : normalize(join(dirname(path), decodeURI(file))), anchor };
}

/** @param {string} target */
function isElsewhere(target) {
  return /^[a-z][a-z+.-]*:/i.test(target);
}
