// @ts-check
import { dirname, join, normalize } from 'node:path/posix';
import { mapProse } from '../docs-check/markdown.mjs';

/**
 * @typedef {object} Published
 * @property {(file: string) => boolean} has whether the package has a file
 * @property {string} [address] of the repository; undefined until package.json has one
 * @property {string} version
 */

const CODE = /(?<code>(?<ticks>`+)[^`](?:[\s\S]*?[^`])?\k<ticks>(?!`))/.source;
const WORDS = /(?<words>(?:!\[[^\]]*\]\([^)]*\)|[^[\]]|\[[^\]]*\](?!\())*)/.source;
const TARGET = /<?(?<target>[^)\s>]+)>?(?<title>(?:\s+"[^"]*")?)/.source;
const LINK = new RegExp(`${CODE}|(?<mark>!?)\\[${WORDS}\\]\\(\\s*${TARGET}\\s*\\)`, 'g');
const TAG = new RegExp(
  `${CODE}|<(?:img|source)\\s[^>]*>|(?<open><a\\s[^>]*>)(?<words>[\\s\\S]*?)</a>`,
  'g',
);
const ADDRESS = /(?<=\s(?:href|src|srcset)=")[^"\s]+(?=")/;
const DEFINITION = /^(?<start> {0,3}\[[^\]]+\]:\s+)<?(?<target>[^\s>]+)>?(?<title>.*\n?)/gm;

/**
 * A page as readers of the package see it. Links to files of the package stay. Links to other files of the repository
 * lead to its address. Without an address, the words of a link stay, and an image goes.
 *
 * @param {import('../docs-check/pages.mjs').Page} page
 * @param {Published} published
 * @returns {string}
 */
export function publishedPage({ path, text }, published) {
  /** @param {string} target @param {boolean} image @returns {string | undefined} */
  const moved = (target, image) => {
    if (/^(?:[a-z][a-z+.-]*:|#)/i.test(target)) return target;
    const [file = '', anchor] = target.split('#');
    const inside = normalize(join(dirname(path), decodeURI(file)));
    if (published.has(inside)) return target;
    if (published.address === undefined) return undefined;
    const end = anchor === undefined ? '' : `#${anchor}`;
    return `${published.address}/${image ? 'raw' : 'blob'}/v${published.version}/${encodeURI(inside)}${end}`;
  };

  /** @param {string} prose @returns {string} */
  const inMarkdown = (prose) =>
    prose.replaceAll(LINK, (...match) => {
      const { code, mark, words, target, title } = match.at(-1);
      if (code !== undefined) return code;
      const isImage = mark === '!';
      const to = moved(target, isImage);
      const inner = isImage ? words : inMarkdown(words);
      if (to !== undefined) return `${mark}[${inner}](${to}${title})`;
      return isImage ? '' : inner;
    });

  /** @param {string} prose @returns {string} */
  const inTags = (prose) =>
    prose.replaceAll(TAG, (...match) => {
      const { code, open, words = '' } = match.at(-1);
      if (code !== undefined) return code;
      const tag = String(open ?? match[0]);
      const [target] = ADDRESS.exec(tag) ?? [];
      if (target === undefined) return match[0];
      const to = moved(target, open === undefined);
      if (to === undefined) return inTags(words);
      const there = tag.replace(ADDRESS, () => to);
      return open === undefined ? there : `${there}${inTags(words)}</a>`;
    });

  /** @param {string} prose */
  const inDefinitions = (prose) =>
    prose.replaceAll(DEFINITION, (...match) => {
      const { start, target, title } = match.at(-1);
      const to = moved(target, false);
      return to === undefined ? '' : `${start}${to}${title}`;
    });

  return mapProse(text, (prose) => inDefinitions(inTags(inMarkdown(prose))));
}
