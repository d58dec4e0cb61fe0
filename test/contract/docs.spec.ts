import { describe, expect, it } from '@jest/globals';
import { blocksIn, checkCode } from '../../scripts/docs-check/code.mjs';
import { allPages } from '../../scripts/docs-check/pages.mjs';

const PAGE = 'docs/contract.md';
const CLIENT = 'client/README.md';

/** The pages with all their blocks compiled, those with errors only if they are wanted. */
function pagesToCompile(errors: 'with-errors' | 'without-errors') {
  return allPages()
    .filter(({ path }) => path === PAGE || path === CLIENT)
    .map(({ path, text }) => {
      const wanted = errors === 'with-errors' ? text.replace('no-check errors', '') : text;
      return { path, text: wanted.replaceAll(/^```(tsx?) no-check$/gm, '```$1') };
    });
}

const isOfPages = (problem: string): boolean => /^(docs|client)\//.test(problem);

describe('docs/contract.md and client/README.md', () => {
  it('have code that compiles as one app', async () => {
    const pages = pagesToCompile('without-errors');
    const { compiled, problems } = await checkCode(pages, '.cache/docs-check-contract');
    // The pages of others, and the sources, do not know its events.
    expect(problems.filter(isOfPages)).toEqual([]);
    expect(compiled).toBe(blocksIn(pages, 'ts', 'tsx').length - 1);
    expect(compiled).toBeGreaterThan(8);
  });

  it('show the errors of the compiler as they appear', async () => {
    const pages = pagesToCompile('with-errors');
    const lines = pages.find(({ path }) => path === PAGE)?.text.split('\n') ?? [];
    const { problems } = await checkCode(pages, '.cache/docs-check-contract-errors');
    const shown = lines.flatMap((line, i) => {
      const error = /^ *\/\/ (TS\d+: .*)$/.exec(line)?.[1];
      // It stands below its line; lines of the file are counted from 1.
      return error === undefined ? [] : [`${PAGE}:${i}: error ${error}`];
    });
    expect(shown).toHaveLength(8);
    const found = problems.filter(isOfPages);
    expect(found).toHaveLength(shown.length);
    for (const [i, problem] of found.entries()) {
      const [start = ''] = shown[i]?.split('...') ?? [];
      expect(problem.slice(0, shown[i]?.endsWith('...') ? start.length : undefined)).toBe(start);
    }
  });
});
