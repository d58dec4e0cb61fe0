// @ts-check
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path/posix';

/**
 * Checks the links, images, scripts and anchors of a built site.
 *
 * @param {string} folder
 * @param {string} base of its addresses: `/`, or `/0.2/`
 * @returns {Promise<{ pages: number, links: number, broken: string[] }>}
 */
export async function checkSite(folder, base) {
  const files = await readdir(folder, { recursive: true });
  const pages = files.filter((file) => file.endsWith('.html'));
  /** @type {Map<string, Set<string>>} */
  const known = new Map();
  /** @param {string} file */
  const idsOf = (file) => {
    const ids =
      known.get(file) ?? new Set(all(read(join(folder, file)), /\s(?:id|name)="([^"]+)"/g));
    known.set(file, ids);
    return ids;
  };
  const broken = /** @type {string[]} */ ([]);
  let links = 0;
  for (const page of pages) {
    for (const target of new Set(all(read(join(folder, page)), /\s(?:href|src)="([^"]*)"/g))) {
      if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target)) continue;
      links += 1;
      const fault = faultOf({ folder, base, page, target, idsOf });
      if (fault !== undefined) broken.push(`${page}: ${target}: ${fault}`);
    }
  }
  return { pages: pages.length, links, broken };
}

/**
 * @param {object} link
 * @param {string} link.folder
 * @param {string} link.base
 * @param {string} link.page
 * @param {string} link.target
 * @param {(file: string) => Set<string>} link.idsOf
 * @returns {string | undefined}
 */
function faultOf({ folder, base, page, target, idsOf }) {
  const [path = '', anchor = ''] = decodeURIComponent(target.replace(/\?[^#]*/, '')).split('#');
  if (path.startsWith('/') && !path.startsWith(base)) return 'leads out of the site';
  const from = path.startsWith('/') ? path.slice(base.length) : join(dirname(page), path);
  const file = path === '' ? page : fileAt(folder, from);
  if (file === undefined) return 'no such file';
  if (anchor === '' || !file.endsWith('.html')) return undefined;
  return idsOf(file).has(anchor) ? undefined : 'no such anchor';
}

/**
 * The file that a server sends for an address.
 *
 * @param {string} folder
 * @param {string} path without the base
 * @returns {string | undefined} relative to the folder
 */
export function fileAt(folder, path) {
  const there = join(folder, path);
  if (relative(folder, there).startsWith('..')) return undefined;
  const isFile = existsSync(there) && statSync(there).isFile();
  const file = isFile ? there : join(there, 'index.html');
  return existsSync(file) ? relative(folder, file) : undefined;
}

/** @param {string} text @param {RegExp} pattern */
function all(text, pattern) {
  return Array.from(text.matchAll(pattern), ([, found]) =>
    String(found).replaceAll('&amp;', '&').replaceAll('&quot;', '"'),
  );
}

/** @param {string} file */
function read(file) {
  return readFileSync(file, 'utf8');
}
