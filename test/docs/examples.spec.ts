import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const recipes = readFileSync('docs/recipes.md', 'utf8');

/** A link to a file of an example at the end of a line, and the code block after it. */
const SNIPPET = /\]\(\.\.\/(examples\/\S+\.ts)\):\n\n```ts\n([^]+?)\n```$/gm;
const snippets = [...recipes.matchAll(SNIPPET)].map(([, path = '', code = '']) => ({ path, code }));

/** Removes the indentation of code from inside a file. */
const unindented = (code: string): string => code.replace(/^ +/gm, '');

describe('the code from examples in docs/recipes.md', () => {
  it('is found completely by this test', () => {
    expect(recipes.match(/\]\(\.\.\/examples\/\S+\.ts\)/g) ?? []).toHaveLength(snippets.length);
    expect(snippets.length).toBeGreaterThan(0);
  });

  it.each(snippets)('is equal to that of $path', ({ path, code }) => {
    expect(unindented(readFileSync(path, 'utf8'))).toContain(`${unindented(code)}\n`);
  });
});
