import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PROPAGATOR_ERROR_CODES } from '../../src/errors.js';
import { section, table, unquoted } from '../support/markdown-table.js';

const read = (path: string) => readFileSync(path, 'utf8');
const errors = read('docs/errors.md');

/** The text of all files in src/. */
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

  it('says for every code when it occurs and what to do', () => {
    for (const row of table(errors, 'Code')) {
      expect(Object.values(row).filter((cell) => cell === '')).toEqual([]);
    }
  });

  it('lists every code that a refused client gets, and no other', () => {
    const documented = quoted(section(errors, 'What a refused client sees'), /^- `([\w.-]+)`/gm);
    const [, type = ''] = /type AuthRefusalCode =([^;]+);/.exec(sources()) ?? [];
    expect(documented.sort()).toEqual(quoted(type, /'([\w.-]+)'/g).sort());
  });

  it('lists every code for a refused token, and no other', () => {
    const documented = quoted(section(errors, 'When a new token is refused'), /^- `([\w.-]+)`/gm);
    const [, type = ''] = /type AuthRefreshCode =([^;]+);/.exec(sources()) ?? [];
    expect(documented.sort()).toEqual(quoted(type, /'([\w.-]+)'/g).sort());
  });

  it('lists every code for a client that may not watch users, and no other', () => {
    const page = section(errors, 'When a client may not watch users');
    const [, type = ''] = /type PresenceWatchCode =([^;]+);/.exec(sources()) ?? [];
    expect(quoted(page, /^- `([\w.-]+)`/gm).sort()).toEqual(quoted(type, /'([\w.-]+)'/g).sort());
  });

  it('lists every kind that is counted, and no other', () => {
    const list = section(errors, 'What is counted and logged');
    // Several kinds may share a line, before the colon.
    const documented = list
      .split(/^- /m)
      .slice(1)
      .flatMap((item) => quoted(item.split(':')[0] ?? '', /`([a-z]+\.[\w-]+)`/g));
    const src = sources();
    const [, faults = ''] = /type EnvelopeFault =([^;]+);/.exec(src) ?? [];
    const [, failures = ''] = /type RecoveryFailure =([^;]+);/.exec(src) ?? [];
    const [, refusals = ''] = /type AuthRefusalCode =([^;]+);/.exec(src) ?? [];
    const [, refreshes = ''] = /type AuthRefreshCode =([^;]+);/.exec(src) ?? [];
    const [, watches = ''] = /type PresenceWatchCode =([^;]+);/.exec(src) ?? [];
    const counted = [
      ...quoted(src, /(?:reporter\.\w+|this\.drop)\(\s*'([\w.-]+)'/g),
      ...quoted(faults + refusals + refreshes + watches, /'([\w.-]+)'/g),
      ...quoted(failures, /'([\w.-]+)'/g).map((reason) => `recovery.${reason}`),
    ];
    expect([...new Set(documented)].sort()).toEqual([...new Set(counted)].sort());
  });
});
