// @ts-check
/**
 * The parts of Markdown that this repository uses: fenced code, headings, links.
 *
 * @typedef {object} CodeBlock
 * @property {string} language the first word after the fence; '' if there is none
 * @property {string} info all words after the fence
 * @property {string} code
 * @property {string} page
 * @property {number} line of the fence, counted from 1
 * @property {string} at page and line, for people
 *
 * @typedef {object} Link
 * @property {string} target
 * @property {number} line
 */

/**
 * @param {import('./pages.mjs').Page} page
 * @returns {CodeBlock[]}
 */
export function codeBlocks({ path, text }) {
  return split(text, path).blocks;
}

/**
 * The anchors of a page: those that GitHub makes of its headings, and explicit ones.
 *
 * @param {string} text
 * @returns {Set<string>}
 */
export function anchors(text) {
  const found = /** @type {Set<string>} */ (new Set());
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const { content } of split(text).prose) {
    for (const [, id] of content.matchAll(/<a (?:id|name)="([^"]+)"/g)) found.add(String(id));
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(content)?.[1];
    if (heading === undefined) continue;
    const slug = slugOf(heading);
    const before = times.get(slug) ?? 0;
    times.set(slug, before + 1);
    found.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return found;
}

/**
 * Links and images, also those written as HTML.
 *
 * @param {string} text
 * @returns {Link[]}
 */
export function links(text) {
  return split(text).prose.flatMap(({ content, line }) => {
    const shown = content.replaceAll(/(`+).*?\1/g, (code) => code.replaceAll(/[[\]()]/g, ' '));
    return [
      ...shown.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g),
      ...shown.matchAll(/^\s*\[[^\]]+\]:\s+<?([^\s>]+)>?/g),
      ...shown.matchAll(/<(?:a|img|source)\s[^>]*?(?:href|src|srcset)="([^"\s]+)"/g),
    ].map(([, target]) => ({ target: String(target), line }));
  });
}

/**
 * Changes the parts of a text between the fenced blocks of code.
 *
 * @param {string} text
 * @param {(prose: string) => string} change
 * @returns {string}
 */
export function mapProse(text, change) {
  const prose = new Set(split(text).prose.map(({ line }) => line));
  const lines = text.split('\n');
  let result = '';
  for (let start = 0, end = 0; start < lines.length; start = end) {
    const isProse = prose.has(start + 1);
    while (end < lines.length && prose.has(end + 1) === isProse) end += 1;
    const part = lines.slice(start, end).join('\n');
    result += `${start === 0 ? '' : '\n'}${isProse ? change(part) : part}`;
  }
  return result;
}

/**
 * The anchor that GitHub makes of a heading.
 *
 * @param {string} heading
 */
export function slugOf(heading) {
  return heading
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/[`*]/g, '')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(/\s/g, '-');
}

/**
 * @param {string} text
 * @param {string} page
 * @returns {{ blocks: CodeBlock[], prose: { content: string, line: number }[] }}
 */
function split(text, page = '') {
  const blocks = /** @type {CodeBlock[]} */ ([]);
  const prose = [];
  /** @type {{ fence: string, indent: number, block: CodeBlock, lines: string[] } | undefined} */
  let open;
  for (const [index, content] of text.split('\n').entries()) {
    const [, indent = '', fence, info = ''] = /^( *)(`{3,}|~{3,})(.*)$/.exec(content) ?? [];
    if (open !== undefined) {
      if (fence?.startsWith(open.fence) && info.trim() === '') {
        open.block.code = `${open.lines.join('\n')}\n`;
        open = undefined;
      } else {
        open.lines.push(content.slice(Math.min(open.indent, content.search(/\S|$/))));
      }
    } else if (fence === undefined) {
      prose.push({ content, line: index + 1 });
    } else {
      const words = info.trim();
      const line = index + 1;
      const language = words.split(/\s+/)[0] ?? '';
      const block = { language, info: words, code: '', page, line, at: `${page}:${line}` };
      blocks.push(block);
      open = { fence, indent: indent.length, block, lines: [] };
    }
  }
  if (open !== undefined) throw new Error(`the code block at ${open.block.at} does not end`);
  return { blocks, prose };
}
