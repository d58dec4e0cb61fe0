import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { table } from '../support/markdown-table.js';

const seen = table(readFileSync('docs/operations.md', 'utf8'), 'What you see').flatMap((row) =>
  [...(row['What you see'] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text ?? ''),
);
const errors = readFileSync('docs/errors.md', 'utf8');
const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => readFileSync(`src/${name}`, 'utf8'))
  .join('\n');

describe('the failure table of docs/operations.md', () => {
  const codes = seen.filter((text) => /^[a-z]+\.[a-z-]+$/.test(text));
  const lines = [
    'Bound to a controller',
    '@Propagate has no effect',
    'went to the asking client only',
    'Degraded, Redis does not serve this instance',
  ];

  it.each(codes)('names an existing code: %s', (code) => {
    expect(errors).toContain(`\`${code}\``);
  });

  it.each([...lines, 'Overloaded'])('quotes a real log line: %s', (line) => {
    expect(seen.some((text) => text.startsWith(line))).toBe(true);
    expect(sources).toContain(line);
  });
});

describe('the messages in docs/troubleshooting.md', () => {
  const page = readFileSync('docs/troubleshooting.md', 'utf8');
  const headings = [...page.matchAll(/^### (.*)$/gm)].map(([, heading = '']) => heading);
  const codes = headings.flatMap((heading) =>
    [...heading.matchAll(/`([a-z]+\.[a-z-]+)`/g)].map(([, code = '']) => code),
  );
  const quoted = [...page.matchAll(/"([^"\n]+)"/g)].map(([, text = '']) => text);

  it.each(codes)('have an existing code: %s', (code) => {
    expect(sources.includes(`'${code}'`) || errors.includes(`\`${code}\``)).toBe(true);
  });

  it.each([...new Set(quoted)].filter((text) => !text.includes('{')))(
    'are real ones: %s',
    (text) => {
      expect(sources).toContain(text);
    },
  );
});
