import { describe, expect, it } from '@jest/globals';
import { linkedFiles } from '../../scripts/docs-check/links.mjs';
import { page } from '../../scripts/docs-check/pages.mjs';
import { withBadges } from '../../scripts/package/badges.mjs';
import { CONTENTS } from '../../scripts/package/contents.mjs';
import { addressFields, repositoryAddress } from '../../scripts/package/manifest.mjs';
import { publishedPage } from '../../scripts/package/published-page.mjs';

const has = (file: string): boolean => CONTENTS.includes(file);
const published = (text: string, address?: string): string =>
  publishedPage(
    { path: 'README.md', text },
    { has, version: '1.2.3', ...(address && { address }) },
  );
const at = 'https://example.com/owner/name';

describe('a published page', () => {
  it.each([
    ['a link to a file of the package', '[a](LICENSE), [b](CHANGELOG.md#unreleased)'],
    ['a link elsewhere', '[a](https://example.com/docs/a.md) <a href="https://example.com">b</a>'],
    ['a link within the page', '[a](#quick-start)'],
    ['a code span', 'Write `[a](docs/a.md)` or ``<a href="docs/a.md">`` here.'],
    ['a block of code', '```md\n[a](docs/a.md)\n<img src="docs/a.png">\n```'],
  ])('keeps %s', (_, text) => {
    expect(published(text)).toBe(text);
    expect(published(text, at)).toBe(text);
  });

  it.each([
    ['[a](docs/a.md#b)', 'a', `[a](${at}/blob/v1.2.3/docs/a.md#b)`],
    [
      '[`a` and\n[b]](docs/a.md "c")',
      '`a` and\n[b]',
      `[\`a\` and\n[b]](${at}/blob/v1.2.3/docs/a.md "c")`,
    ],
    ['x ![a](docs/a.png) y', 'x  y', `x ![a](${at}/raw/v1.2.3/docs/a.png) y`],
    [
      '[![a](docs/a.png)](docs/a.md)',
      '',
      `[![a](${at}/raw/v1.2.3/docs/a.png)](${at}/blob/v1.2.3/docs/a.md)`,
    ],
    [
      '<a href="docs/a.md"><img width="9" src="docs/a.png"> a</a>',
      ' a',
      `<a href="${at}/blob/v1.2.3/docs/a.md"><img width="9" src="${at}/raw/v1.2.3/docs/a.png"> a</a>`,
    ],
    ['[a]: docs/a.md', '', `[a]: ${at}/blob/v1.2.3/docs/a.md`],
  ])('replaces %j, with and without an address', (text, without, withAddress) => {
    expect(published(text)).toBe(without);
    expect(published(text, at)).toBe(withAddress);
  });

  it.each(['README.md', 'CHANGELOG.md'])('%s links only to files of the package', (path) => {
    const text = published(page(path).text);
    expect(linkedFiles({ path, text }).filter((file) => !has(file))).toEqual([]);
  });
});

it('the address of the repository is read from the fields that are made of it', () => {
  expect(repositoryAddress({ version: '1.2.3', ...addressFields(at) })).toBe(at);
  expect(repositoryAddress({ version: '1.2.3' })).toBeUndefined();
});

it('the badges of the README follow the address', () => {
  const readme = '# name\n\n[![Node](https://example.com/a)](#b)\n\nText.\n';
  const first = withBadges(readme, at);
  expect(first.split('\n').filter((line) => line.includes(at))).toHaveLength(2);
  expect(first.replace(/^\[!\[(?:npm|CI)\].*\n/gm, '')).toBe(readme);
  expect(withBadges(first, 'https://example.com/other/name')).toBe(
    first.replaceAll(at, 'https://example.com/other/name'),
  );
});
