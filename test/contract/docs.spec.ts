import { describe, expect, it } from '@jest/globals';
import { blocksIn, checkCode } from '../../scripts/docs-check/code.mjs';
import { allPages } from '../../scripts/docs-check/pages.mjs';

const PAGE = 'docs/contract.md';
const CLIENT = 'client/README.md';

/** The pages with all their blocks compiled, also those that show errors. */
const pages = allPages()
  .filter(({ path }) => path === PAGE || path === CLIENT)
  .map(({ path, text }) => ({
    path,
    text: text.replaceAll(/^```(tsx?) no-check(?: errors)?$/gm, '```$1'),
  }));

const isOfPages = (problem: string): boolean => /^(docs|client)\//.test(problem);

describe('docs/contract.md and client/README.md', () => {
  // A program takes seconds of a processor, so the good and the bad code are in one.
  it('have code that compiles as one app, with only the errors of the compiler that they show', async () => {
    const { compiled, problems } = await checkCode(pages, '.cache/docs-check-contract');
    expect(compiled).toBe(blocksIn(pages, 'ts', 'tsx').length);
    expect(compiled).toBeGreaterThan(9);

    const lines = pages.find(({ path }) => path === PAGE)?.text.split('\n') ?? [];
    const shown = lines.flatMap((line, i) => {
      const error = /^ *\/\/ (TS\d+: .*)$/.exec(line)?.[1];
      // It stands below its line; lines of the file are counted from 1.
      return error === undefined ? [] : [`${PAGE}:${i}: error ${error}`];
    });
    expect(shown).toHaveLength(8);
    // The pages of others, and the sources, do not know its events.
    const found = problems.filter(isOfPages);
    expect(found).toHaveLength(shown.length);
    for (const [i, problem] of found.entries()) {
      const [start = ''] = shown[i]?.split('...') ?? [];
      expect(problem.slice(0, shown[i]?.endsWith('...') ? start.length : undefined)).toBe(start);
    }
  });
});
