import { describe, expect, it } from '@jest/globals';
import { brokenLinks, linkedFiles } from '../../scripts/docs-check/links.mjs';
import { anchors, links } from '../../scripts/docs-check/markdown.mjs';
import { allPages, page } from '../../scripts/docs-check/pages.mjs';

const pages = allPages();
const linked = (path: string): string[] => linkedFiles(page(path));
const broken = (text: string): string[] => brokenLinks({ path: 'docs/made-up.md', text });

describe('the links of the documentation', () => {
  it.each(pages)('on $path have existing targets', (each) => {
    expect(brokenLinks(each)).toEqual([]);
  });

  it('reach every page of docs from its index, in one step or two', () => {
    const near = linked('docs/README.md');
    const far = near
      .filter((path) => path.startsWith('docs/') && path.endsWith('.md'))
      .flatMap(linked);
    const reached = new Set(['docs/README.md', ...near, ...far]);
    const inDocs = pages.map(({ path }) => path).filter((path) => path.startsWith('docs/'));
    expect(inDocs.filter((path) => !reached.has(path))).toEqual([]);
  });
});

describe('the link checker', () => {
  it('finds broken links', () => {
    const faults = broken(
      [
        '[a](no-such-page.md), [b](errors.md#no-such-heading)',
        '![c](../no-such-image.svg)',
        '<img src="no-such-image.svg">',
        '[d](/docs/errors.md) and [e](../../outside.md)',
        '[f](#nowhere)',
        '[g]: gone.md',
      ].join('\n'),
    );
    expect(faults.map((line) => line.replace(/^docs\/made-up\.md:/, ''))).toEqual([
      '1: no-such-page.md: no such file',
      '1: errors.md#no-such-heading: no such heading',
      '2: ../no-such-image.svg: no such file',
      '3: no-such-image.svg: no such file',
      '4: /docs/errors.md: begins with a slash: it works on no page',
      '4: ../../outside.md: leads out of the repository',
      '5: #nowhere: no such file',
      '6: gone.md: no such file',
    ]);
  });

  it('accepts working links, and ignores code', () => {
    const text =
      '[a](errors.md#codes) [b](https://example.com) `[c](gone.md)`\n```md\n[d](gone.md)\n```\n';
    expect(broken(text)).toEqual([]);
    expect(links(text)).toHaveLength(2);
  });

  it('knows the anchors that GitHub makes', () => {
    const text =
      '# A `b` & [c](d.md)!\n## Twice\n## Twice\n### `@Propagate`, and more\n<a id="own"></a>\n```sh\n# not one\n```\n';
    expect([...anchors(text)]).toEqual(['a-b--c', 'twice', 'twice-1', 'propagate-and-more', 'own']);
  });
});
