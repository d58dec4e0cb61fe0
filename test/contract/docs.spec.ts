import { expect, it } from '@jest/globals';
import { blocksIn, checkCode } from '../../scripts/docs-check/code.mjs';
import { allPages } from '../../scripts/docs-check/pages.mjs';

it('the code of docs/contract.md compiles as one app', async () => {
  const pages = allPages()
    .filter(({ path }) => path === 'docs/contract.md')
    .map(({ path, text }) => ({ path, text: text.replaceAll('```ts no-check', '```ts') }));
  const { compiled, problems } = await checkCode(pages, '.cache/docs-check-contract');
  // The pages of others, and the sources, do not know its events.
  expect(problems.filter((problem) => problem.startsWith('docs/'))).toEqual([]);
  expect(compiled).toBe(blocksIn(pages, 'ts').length);
  expect(compiled).toBeGreaterThan(4);
});
