// @ts-check
import { dirname, join, normalize } from 'node:path/posix';
import { links } from '../docs-check/markdown.mjs';
import { allPages, page } from '../docs-check/pages.mjs';

/** The page that lists all others: the menu of the site is made from it. */
export const INDEX = 'docs/README.md';

/** The pages of the site and their addresses there, by their files in the repository. */
export const ROUTES = Object.fromEntries(allPages().map(({ path }) => [path, routeOf(path)]));

/**
 * The address of a file of the repository on the site, or undefined if it is no page.
 *
 * @param {string} from the page with the link
 * @param {string} target of the link, relative to that page
 * @returns {{ file: string, url: string | undefined }}
 */
export function resolveLink(from, target) {
  const [path = '', anchor] = target.split('#');
  const file = normalize(join(dirname(from), decodeURI(path)));
  const route = ROUTES[file];
  const end = anchor === undefined ? '' : `#${anchor}`;
  return { file, url: route === undefined ? undefined : `${urlOf(route)}${end}` };
}

/**
 * The menu: the headings and lists of the index.
 *
 * @returns {{ text: string, collapsed: boolean, items: { text: string, link: string }[] }[]}
 */
export function menu() {
  const [, ...sections] = page(INDEX).text.split(/^## /m);
  return sections.map((section) => {
    const [text = ''] = section.split('\n');
    const items = section.split('\n').flatMap((line) => {
      // The first link of a list's line, or of a table's row.
      const title = /^(?:- |\| *)\[`?([^\]`]+)`?\]/.exec(line)?.[1];
      const target = links(line)[0]?.target;
      if (title === undefined || target === undefined) return [];
      const { url } = resolveLink(INDEX, target);
      return url === undefined ? [] : [{ text: title, link: url }];
    });
    return { text, collapsed: false, items };
  });
}

/** @param {string} path in the repository */
function routeOf(path) {
  if (path === INDEX) return 'all-pages.md';
  if (path === 'README.md') return 'index.md';
  if (path === 'SECURITY.md') return 'security-policy.md';
  return path
    .replace(/^docs\/(.*\/)?README\.md$/, '$1index.md')
    .replace(/^docs\//, '')
    .replace(/\/README\.md$/, '.md')
    .replaceAll('_', '-')
    .toLowerCase();
}

/** The address of a route, from the root of the site. @param {string} route */
export function urlOf(route) {
  return `/${route.replace(/(^|\/)index\.md$/, '$1').replace(/\.md$/, '')}`;
}
