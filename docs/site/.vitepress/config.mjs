import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slugOf } from '../../../scripts/docs-check/markdown.mjs';
import { project } from '../../../scripts/docs-check/pages.mjs';
import { manifest, repositoryAddress } from '../../../scripts/package/manifest.mjs';
import { fileOf } from '../../../scripts/docs-site/diagrams.mjs';
import { menu, resolveLink, ROUTES } from '../../../scripts/docs-site/pages.mjs';

const address = repositoryAddress(manifest());
/** Where the site is on its host. */
const base = process.env.DOCS_BASE ?? '/';
const versions = JSON.parse(readFileSync(new URL('../versions.json', import.meta.url), 'utf8'));

/** The pages stay where GitHub shows them. This says where they are on the site. */
export default {
  title: 'nestjs-redis-propagator',
  description: manifest().description,
  lang: 'en',
  base,
  srcDir: '../..',
  srcExclude: ['{src,test,scripts,build,coverage,docs-html,etc}/**', 'docs/site/**', 'bench/*/**'],
  outDir: 'dist',
  cacheDir: '.cache/vitepress',
  rewrites: ROUTES,
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}favicon.svg` }]],
  ignoreDeadLinks: [/^\/api\/$/, /^\/files\//],
  markdown: {
    anchor: { slugify: slugOf },
    config(md) {
      md.core.ruler.push('links-of-the-repository', ({ tokens, env }) => {
        for (const token of tokens) {
          // Badges are for GitHub: here each would be a request to another host.
          if (token.content.startsWith('[![')) token.children = [];
          // `path` is the address on the site, if it differs.
          moveLinks(token.children ?? [], env.realPath ?? env.path);
        }
      });
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (tokens, index, ...rest) => {
        const { info, content } = tokens[index];
        if (info.trim() !== 'mermaid') return fence(tokens, index, ...rest);
        const heading = tokens.findLastIndex(
          ({ type }, place) => place < index && type === 'heading_open',
        );
        return diagram(content, tokens[heading + 1]?.content ?? '');
      };
    },
  },
  vite: {
    publicDir: fileURLToPath(new URL('../.cache/public', import.meta.url)),
    build: { chunkSizeWarningLimit: 2000 },
  },
  themeConfig: {
    search: { provider: 'local', options: { detailedView: true } },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: '/getting-started' },
      { text: 'All pages', link: '/all-pages' },
      { text: 'API', link: '/api/', target: '_self' },
      {
        text: manifest().version,
        items: [
          { text: 'Changelog', link: '/changelog' },
          ...versions.map(({ name, url }) => ({ text: name, link: url, target: '_self' })),
        ],
      },
    ],
    sidebar: menu(),
    ...(address === undefined
      ? {}
      : {
          socialLinks: [{ icon: 'github', link: address }],
          editLink: { pattern: ({ filePath }) => `${address}/edit/main/${filePath}` },
        }),
  },
};

/**
 * Links lead to pages of the site, or to files in the repository. The words of a link to a file stay, without the link,
 * as long as the repository has no address.
 */
function moveLinks(tokens, page) {
  const from = relative(project, page);
  let open;
  for (const token of tokens) {
    if (token.type === 'link_open') {
      const target = token.attrGet('href');
      if (/^(?:[a-z][a-z+.-]*:|#)/i.test(target)) continue;
      const { file, url } = resolveLink(from, target);
      const published = /^docs\/(.*\.json)$/.exec(file)?.[1];
      const to =
        url ?? (published && `/files/${published}`) ?? (address && `${address}/blob/main/${file}`);
      if (to === undefined) {
        Object.assign(token, { type: 'span_open', tag: 'span', attrs: null });
        open = token;
      } else {
        token.attrSet('href', to);
        if (published !== undefined) token.attrSet('target', '_self');
      }
    } else if (token.type === 'link_close' && open !== undefined) {
      Object.assign(token, { type: 'span_close', tag: 'span' });
      open = undefined;
    }
  }
}

/** Two pictures, of which the page shows one. */
function diagram(code, heading) {
  const alt = `Diagram: ${heading.replaceAll(/[`"<>&]/g, '')}`;
  const picture = (theme) =>
    `<img class="diagram__${theme}" src="/${fileOf(code, theme)}" alt="${alt}" loading="lazy">`;
  return `<div class="diagram" tabindex="0">${picture('light')}${picture('dark')}</div>\n`;
}
