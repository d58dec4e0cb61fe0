import { describe, expect, it } from '@jest/globals';
import { page } from '../../scripts/docs-check/pages.mjs';

// After a release, `[Unreleased]` is empty, and the newest version is the next section.
const unreleased =
  page('CHANGELOG.md')
    .text.split(/^## /m)
    .find((section) => /^- /m.test(section)) ?? '';
const entries = [...unreleased.matchAll(/^- (.*)$/gm)].map(([, text = '']) => text);

describe('the newest changes in the CHANGELOG', () => {
  // Two branches that change the same lines are merged by keeping both texts.
  it('have each entry once', () => {
    const beginnings = entries.map((entry) =>
      entry.replace(/^\*\*Breaking:\*\* /, '').slice(0, 50),
    );
    const repeated = beginnings.filter((text, index) => beginnings.indexOf(text) !== index);
    expect(entries.length).toBeGreaterThan(0);
    expect(repeated).toEqual([]);
  });

  it('have each heading and each group once', () => {
    const headings = unreleased.match(/^### .*$|^[A-Z`][^\n]*:$/gm) ?? [];
    const within = new Map<string, string[]>();
    let section = '';
    for (const heading of headings) {
      if (heading.startsWith('### ')) section = heading;
      within.set(section, [...(within.get(section) ?? []), heading]);
    }
    for (const found of within.values()) expect(new Set(found).size).toBe(found.length);
  });

  it('have groups that begin a line of their own', () => {
    expect(unreleased).not.toMatch(/^ +[A-Z][\w ,]*:$/m);
  });
});
