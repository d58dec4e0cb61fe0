import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { defineEvents } from '../../src/contract/define-events.js';
import { PropagatorError } from '../../src/errors.js';
import type { RedisPropagatorOptions } from '../../src/options/propagator-options.js';
import { OPTION_NAMES, resolveOptions } from '../../src/options/resolve-options.js';
import { tables, unquoted, type Row } from '../support/markdown-table.js';
import { MemoryLogger } from '../support/memory-logger.js';

type Given = Record<string, unknown>;

const page = readFileSync('docs/options.md', 'utf8');
const authenticate = () => null;
const resolve = (options: RedisPropagatorOptions): Given =>
  resolveOptions(options, new MemoryLogger()) as unknown as Given;

const [top = [], ...groups] = tables(page, 'Option');
const rows = [top, ...groups].flat();
const nameOf = (row: Row): string => unquoted(row['Option']);
const named = rows.map((row) => ({ name: nameOf(row), row }));

/** Other options that one of the options requires. */
const COMPANIONS: Record<string, Given> = {
  heartbeatIntervalMs: { memberTimeoutMs: 600_000 },
  memberTimeoutMs: { heartbeatIntervalMs: 1 },
  presence: { heartbeatIntervalMs: 1 },
  auth: { auth: { authenticate } },
  validateOneIn: {
    contract: defineEvents({ said: {} }),
  },
  'presence.maxWatchedUsers': { presence: { canWatch: () => true }, heartbeatIntervalMs: 1 },
  'limits.eventBurst': { limits: { eventsPerSecond: 1 } },
  'auth.onTooManySockets': { auth: { authenticate, maxSocketsPerUser: 1 } },
};

/** Options with one of them set, by its dotted name. */
function withOption(name: string, value: unknown): Given {
  const [first = '', second] = name.split('.');
  const base = { ...COMPANIONS[first], ...COMPANIONS[name] };
  if (second === undefined) return { ...base, [first]: value };
  return { ...base, [first]: { ...(base[first] as Given | undefined), [second]: value } };
}

function taken(options: Given): boolean {
  try {
    resolve(options);
    return true;
  } catch (error) {
    if (error instanceof PropagatorError && error.code === 'option.invalid') return false;
    throw error;
  }
}

/** The known names of an option, from the error for an unknown one. */
function knownNames(group: string): string[] {
  let said = '';
  try {
    resolve(withOption(`${group}.noSuchOption`, 1));
  } catch (error) {
    said = String(error);
  }
  return /Known options: ([\w, ]+)\./.exec(said)?.[1]?.split(', ') ?? [];
}

/** The default that the table should show, where the code alone does not show it. */
function writtenDefault(name: string, said: string): string {
  const [first = '', second] = name.split('.');
  // An option that is off by default has its defaults once it is on.
  const on = second !== undefined && first === 'recovery' ? { recovery: {} } : {};
  const resolved = resolve({ auth: { authenticate }, ...on });
  const value = second === undefined ? resolved[first] : (resolved[first] as Given)[second];
  if (typeof value === 'string') return `'${value}'`;
  if (!['number', 'boolean'].includes(typeof value)) return said;
  // A default may be another option.
  return said in resolved && resolved[said] === value ? said : String(value);
}

function unitOf(name: string, type = ''): RegExp {
  if (type !== '`number`') return /^-$/;
  if (name.endsWith('Ms')) return /^ms$/;
  if (name.endsWith('Bytes')) return /^bytes$/;
  return name.endsWith('PerSecond') ? /^\w+\/s$/ : /^[a-z]+$/;
}

/** `name?: type;` in the public types of the options, by interface and name. */
function declaredTypes(): Map<string, string> {
  const types = new Map<string, string>();
  for (const file of readdirSync('src/options').filter((name) => name.endsWith('-options.ts'))) {
    const source = readFileSync(`src/options/${file}`, 'utf8');
    for (const [, owner = '', body = ''] of source.matchAll(
      /export interface (\w+) \{\n([^]*?)\n\}/g,
    )) {
      for (const [, name = '', type = ''] of body.matchAll(/^ {2}(\w+)\??: ([^;]+);$/gm)) {
        types.set(
          `${owner}.${name}`,
          type.includes('=>') ? 'function' : type.replace(' | undefined', ''),
        );
      }
    }
  }
  return types;
}

describe('docs/options.md', () => {
  it('has a row for every option, in the order of the code, and no other', () => {
    expect(top.map(nameOf)).toEqual([...OPTION_NAMES]);
  });

  it.each(groups.map((group) => nameOf(group[0] ?? {}).split('.')[0] ?? ''))(
    'has a row for every option of %s, and no other',
    (group) => {
      const documented = rows.map(nameOf).filter((name) => name.startsWith(`${group}.`));
      const known = knownNames(group);
      expect(documented.map((name) => name.slice(group.length + 1))).toEqual(known);
    },
  );

  it.each(named)('gives the default of $name', ({ name, row }) => {
    const said = unquoted(row['Default']);
    expect(said).not.toBe('');
    expect(said).toBe(writtenDefault(name, said));
  });

  it('gives the default that is computed from another option', () => {
    const { limits } = resolve({ limits: { eventsPerSecond: 7 } });
    expect((limits as Given)['eventBurst']).toBe(14);
    expect(named.find(({ name }) => name === 'limits.eventBurst')?.row['Default']).toBe(
      'twice `eventsPerSecond`',
    );
  });

  it.each(named)('gives the type of $name', ({ name, row }) => {
    const types = declaredTypes();
    const [first = '', second] = name.split('.');
    const own = types.get(`RedisPropagatorOptions.${first}`);
    const [group] = own?.split(' ') ?? [];
    expect(unquoted(row['Type'])).toBe(
      second === undefined ? own : types.get(`${group}.${second}`),
    );
  });

  it.each(named)('gives the unit of $name', ({ name, row }) => {
    expect(row['Unit']).toMatch(unitOf(name, row['Type']));
  });

  it.each(named.filter(({ row }) => row['Type'] === '`number`'))(
    'gives the range of $name',
    ({ name, row }) => {
      const [least = NaN, most = NaN] = (row['From, to'] ?? '').split(' to ').map(Number);
      const tried = [least - 1, least, most, most + 1, least + 0.5];
      expect([name, ...tried.map((value) => taken(withOption(name, value)))]).toEqual([
        name,
        false,
        true,
        true,
        false,
        false,
      ]);
    },
  );
});
