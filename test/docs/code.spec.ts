import { beforeAll, describe, expect, it } from '@jest/globals';
import { blocksIn, checkCode } from '../../scripts/docs-check/code.mjs';
import { codeBlocks } from '../../scripts/docs-check/markdown.mjs';
import { allPages } from '../../scripts/docs-check/pages.mjs';

const pages = allPages();
const FOLDER = '.cache/docs-check';

describe('the TypeScript and JavaScript of the documentation', () => {
  let result: Awaited<ReturnType<typeof checkCode>>;
  beforeAll(async () => {
    result = await checkCode(pages, FOLDER);
  }, 60_000);

  it('compiles', () => {
    expect(result.problems).toEqual([]);
  });

  it('is found completely by this test', () => {
    const { compiled, fromExamples, notChecked } = result;
    expect(compiled + fromExamples.length + notChecked.length).toBe(
      blocksIn(pages, 'ts', 'tsx', 'js').length,
    );
    expect(compiled).toBeGreaterThan(50);
  });

  it('is unchecked only if it uses packages that are not installed here', () => {
    // A program of its own, since it declares the types of an app: test/contract/docs.spec.ts.
    const others = result.notChecked.filter(
      (at) => !/^(docs\/contract|client\/README)\.md:/.test(at),
    );
    expect(others).toEqual([expect.stringMatching(/^docs\/migrating\/nestjs-redis\.md:/)]);
  });

  it('would fail with a mistake in it', async () => {
    const text = [
      '```ts',
      "import { noSuchExport } from 'nestjs-redis-propagator';",
      'const port: number = String(noSuchExport);',
      '```',
    ].join('\n');
    const { problems } = await checkCode([{ path: 'made-up.md', text }], `${FOLDER}-wrong`);
    expect(problems).toEqual([
      expect.stringMatching(/^made-up\.md:2: .*noSuchExport/),
      expect.stringMatching(/^made-up\.md:3: .*not assignable to type 'number'/),
    ]);
  });
});

describe('the code of the documentation', () => {
  it('names its language, and the language is checked by a test', () => {
    // Blocks that are only shown: output of programs, and diagrams.
    const known = new Set([
      'ts',
      'tsx',
      'js',
      'sh',
      'json',
      'yaml',
      'python',
      'nginx',
      'mermaid',
      'text',
    ]);
    const unknown = pages
      .flatMap(codeBlocks)
      .filter(({ language }) => !known.has(language))
      .map(({ at, info }) => `${at}: ${info}`);
    expect(unknown).toEqual([]);
  });
});
