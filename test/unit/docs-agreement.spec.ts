import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PROPAGATOR_ERROR_CODES } from '../../src/errors.js';
import { DEFAULTS, OPTION_NAMES, resolveOptions } from '../../src/options/resolve-options.js';
import { DEFAULT_REDIS_URL } from '../../src/options/resolve-redis.js';
import { MemoryLogger } from '../support/memory-logger.js';

const read = (path: string) => readFileSync(path, 'utf8');
const readme = read('README.md');
const errors = read('docs/errors.md');

/** A table of a Markdown text: the cells of each row, by the names of the columns. */
function table(text: string, firstColumn: string): Record<string, string>[] {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => cells(line)[0] === firstColumn);
  expect([firstColumn, start >= 0]).toEqual([firstColumn, true]);
  const columns = cells(lines[start] ?? '');
  const rows: Record<string, string>[] = [];
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith('|')) break;
    const values = cells(line);
    rows.push(Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ''])));
  }
  return rows;
}

function cells(line: string): string[] {
  if (!line.startsWith('|')) return [];
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

const unquoted = (cell = '') => cell.replace(/^`(.*)`$/, '$1');
const written = (value: unknown) => (typeof value === 'string' ? `'${value}'` : String(value));

/** The text between a heading and the next one. */
function section(text: string, heading: string): string {
  const [, rest] = text.split(`\n## ${heading}\n`);
  expect([heading, rest === undefined]).toEqual([heading, false]);
  return (rest ?? '').split('\n## ')[0] ?? '';
}

/** All of src/ as one text. */
function sources(): string {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .map((name) => read(join('src', name)))
    .join('\n');
}

const quoted = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, name]) => name as string);

describe('docs/errors.md', () => {
  it('has a row for every code, in the order of the code, and no other', () => {
    const codes = table(errors, 'Code').map((row) => unquoted(row['Code']));
    expect(codes).toEqual([...PROPAGATOR_ERROR_CODES]);
  });

  it('says of every code when it comes and what to do', () => {
    for (const row of table(errors, 'Code')) {
      expect(Object.values(row).filter((cell) => cell === '')).toEqual([]);
    }
  });

  it('has every code that a refused client sees, and no other', () => {
    const documented = quoted(section(errors, 'What a refused client sees'), /^- `([\w.-]+)`/gm);
    const [, type = ''] = /type AuthRefusalCode =([^;]+);/.exec(sources()) ?? [];
    expect(documented.sort()).toEqual(quoted(type, /'([\w.-]+)'/g).sort());
  });

  it('has every code that a client sees whose new token is refused, and no other', () => {
    const documented = quoted(section(errors, 'When a new token is not taken'), /^- `([\w.-]+)`/gm);
    const [, type = ''] = /type AuthRefreshCode =([^;]+);/.exec(sources()) ?? [];
    expect(documented.sort()).toEqual(quoted(type, /'([\w.-]+)'/g).sort());
  });

  it('has every kind that is counted, and no other', () => {
    const list = section(errors, 'What is counted and logged');
    // Several kinds may share a line, in front of the colon.
    const documented = list
      .split(/^- /m)
      .slice(1)
      .flatMap((item) => quoted(item.split(':')[0] ?? '', /`([a-z]+\.[\w-]+)`/g));
    const src = sources();
    const [, faults = ''] = /type EnvelopeFault =([^;]+);/.exec(src) ?? [];
    const [, refusals = ''] = /type AuthRefusalCode =([^;]+);/.exec(src) ?? [];
    const [, refreshes = ''] = /type AuthRefreshCode =([^;]+);/.exec(src) ?? [];
    const counted = [
      ...quoted(src, /(?:reporter\.\w+|this\.drop)\(\s*'([\w.-]+)'/g),
      ...quoted(faults + refusals + refreshes, /'([\w.-]+)'/g),
    ];
    expect([...new Set(documented)].sort()).toEqual([...new Set(counted)].sort());
  });
});

describe('the README', () => {
  /** Everything that is known about defaults, by the name that the table uses. */
  const defaults: Record<string, unknown> = {
    redis: DEFAULT_REDIS_URL,
    auth: undefined,
    ...DEFAULTS,
  };
  const { auth } = resolveOptions({ auth: { authenticate: () => null } }, new MemoryLogger());

  it('has a row for every option, in the order of the code, and no other', () => {
    const rows = table(section(readme, 'Options'), 'Option');
    expect(rows.map((row) => unquoted(row['Option']))).toEqual([...OPTION_NAMES]);
  });

  it('tells the default of every option', () => {
    for (const row of table(section(readme, 'Options'), 'Option')) {
      const name = unquoted(row['Option']);
      expect([name, row['Default'] === '']).toEqual([name, false]);
      if (!(name in defaults)) continue;
      expect([name, unquoted(row['Default'])]).toEqual([name, written(defaults[name])]);
    }
  });

  it('has the options of auth, with their defaults', () => {
    const [, ofAuth = ''] = section(readme, 'Options').split('Of `auth`:');
    const rows = table(ofAuth, 'Option');
    const [, known = ''] =
      /const KNOWN = \[([^\]]+)\]/.exec(read('src/options/resolve-auth.ts')) ?? [];
    expect(rows.map((row) => unquoted(row['Option']))).toEqual(
      quoted(known, /'(\w+)'/g).map((name) => `auth.${name}`),
    );
    for (const [name, value] of Object.entries(auth ?? {})) {
      if (typeof value === 'function') continue;
      const row = rows.find((candidate) => unquoted(candidate['Option']) === `auth.${name}`);
      expect([name, unquoted(row?.['Default'])]).toEqual([name, written(value)]);
    }
  });
});

describe('the documentation', () => {
  const pages = [
    'README.md',
    ...readdirSync('docs')
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];

  it.each(pages)('%s links to nothing that is not there', (page) => {
    const links = quoted(read(page), /\]\((?!https?:|#|mailto:)([^)#\s]+)/g);
    const missing = links.filter((link) => !existsSync(join(dirname(page), link)));
    expect(missing).toEqual([]);
  });

  it.each(pages)('%s imports nothing that the package does not export', (page) => {
    const doors = { '': 'src/index.ts', '/testing': 'src/testing/index.ts' };
    for (const [door, file] of Object.entries(doors)) {
      const exported = names(quoted(read(file), /export (?:type )?\{([^}]+)\}/g));
      const pattern = new RegExp(
        `import (?:type )?\\{([^}]+)\\} from 'nestjs-redis-propagator${door}'`,
        'g',
      );
      const imported = names(quoted(read(page), pattern));
      expect(imported.filter((name) => !exported.includes(name))).toEqual([]);
    }
  });
});

/** The names in lists as they stand between the braces of imports and exports. */
function names(lists: string[]): string[] {
  return lists
    .flatMap((list) => list.split(','))
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '');
}
