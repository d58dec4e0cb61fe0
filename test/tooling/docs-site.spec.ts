import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { allPages } from '../../scripts/docs-check/pages.mjs';
import { checkSite } from '../../scripts/docs-site/links.mjs';
import { menu, resolveLink, ROUTES, urlOf } from '../../scripts/docs-site/pages.mjs';

const url = (from: string, target: string) => resolveLink(from, target).url;

describe('the pages of the documentation site', () => {
  it('have an address each', () => {
    const routes = Object.values(ROUTES);
    expect(new Set(routes).size).toBe(allPages().length);
    expect(routes.filter((route) => !/^[a-z\d/-]+\.md$/.test(route))).toEqual([]);
  });

  it('are in the menu, unless another page introduces them', () => {
    const inMenu = new Set(menu().flatMap(({ items }) => items.map(({ link }) => link)));
    const missing = Object.entries(ROUTES)
      .filter(([path, route]) => path.startsWith('docs/') && !inMenu.has(urlOf(route)))
      .map(([path]) => path);
    expect(missing).toEqual([
      'docs/README.md',
      'docs/migrating/nestjs-redis.md',
      'docs/migrating/redis-adapter.md',
      'docs/migrating/tutorial.md',
      'docs/performance.md',
    ]);
  });

  it('resolve the links between files of the repository', () => {
    expect(url('README.md', 'docs/errors.md#codes')).toBe('/errors#codes');
    expect(url('docs/errors.md', '../README.md')).toBe('/');
    expect(url('docs/errors.md', 'migrating/README.md')).toBe('/migrating/');
    expect(url('docs/migrating/tutorial.md', '../../examples/chat/README.md')).toBe(
      '/examples/chat',
    );
    expect(resolveLink('docs/errors.md', '../src/errors.ts')).toEqual({
      file: 'src/errors.ts',
      url: undefined,
    });
  });
});

describe('the link check of the built site', () => {
  let folder: string;
  const check = async (files: Record<string, string>, base = '/') => {
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    return checkSite(folder, base);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'docs-site-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('finds broken links', async () => {
    const { broken } = await check({
      'index.html':
        '<a href="/gone.html">a</a> <a href="/a.html#gone">b</a> <img src="x.svg"> <a href="#up">c</a>',
      'a.html': '<h2 id="here">A</h2> <a href="../../etc/passwd">d</a>',
    });
    expect(broken).toEqual([
      'a.html: ../../etc/passwd: no such file',
      'index.html: /gone.html: no such file',
      'index.html: /a.html#gone: no such anchor',
      'index.html: x.svg: no such file',
      'index.html: #up: no such anchor',
    ]);
  });

  it('accepts working links, and those to other hosts', async () => {
    const links =
      '<a href="/0.2/a.html#here">a</a> <a href="/0.2/b/">b</a> <a href="a.html?q#here">c</a>';
    const { broken, ...counted } = await check(
      {
        'index.html': `${links} <a href="https://example.com/x">d</a>`,
        'a.html': '<h2 id="here">A</h2>',
        'b/index.html': '<a href="../a.html">e</a>',
      },
      '/0.2/',
    );
    expect(broken).toEqual([]);
    expect(counted).toEqual({ pages: 3, links: 4 });
  });

  it('reports links that leave the folder of a version', async () => {
    const { broken } = await check({ 'index.html': '<a href="/a.html">a</a>' }, '/0.2/');
    expect(broken).toEqual(['index.html: /a.html: leads out of the site']);
  });
});
