import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { blocksIn } from '../../scripts/docs-check/code.mjs';
import { allPages } from '../../scripts/docs-check/pages.mjs';
import { onPath } from '../../scripts/redis/on-path.mjs';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';

const pages = allPages();
const shell = blocksIn(pages, 'sh');
const lines = shell.flatMap(({ at, code }) =>
  code.split('\n').map((line) => ({ at, line: line.replace(/(^|\s)#.*$/, '').trim() })),
);

/** The npm scripts of a folder. */
function scriptsOf(folder: string): string[] {
  const path = folder === '' ? 'package.json' : `${folder}/package.json`;
  if (!existsSync(path)) return [];
  const { scripts = {} } = JSON.parse(readFileSync(path, 'utf8')) as { scripts?: object };
  return Object.keys(scripts);
}

/** The words of a command, split like in a shell. */
function words(line: string): string[] {
  const found = line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g);
  return [...found].map(([, single, double, bare]) => single ?? double ?? bare ?? '');
}

/** The error of a program that parses a text. */
function faultsOf(program: string, args: string[], input: string): string {
  return spawnSync(program, args, { input, encoding: 'utf8' }).stderr;
}

describe('commands in the documentation', () => {
  it.each(shell)('are valid for a shell: $at', ({ code }) => {
    expect(faultsOf('bash', ['-n'], code)).toBe('');
  });

  it('name existing npm scripts', () => {
    const missing = pages.flatMap(({ path, text }) => {
      // An example is a package inside this one.
      const own = path.startsWith('examples/') ? scriptsOf(dirname(path)) : [];
      const known = new Set([...scriptsOf(''), ...own]);
      const named = [...text.matchAll(/npm (?:run ([\w:-]+)|(test|start)\b)/g)];
      return named
        .map(([, script, short]) => script ?? short ?? '')
        .filter((name) => !known.has(name))
        .map((name) => `${path}: npm run ${name}`);
    });
    expect(missing).toEqual([]);
  });

  describe('for redis-cli', () => {
    const commands = lines
      .filter(({ line }) => line.startsWith('redis-cli '))
      .map(({ at, line }) => ({
        at,
        line,
        // `-c` follows redirections of a Cluster.
        args: words(line)
          .slice(1)
          .filter((word) => word !== '-c'),
      }));
    let server: RunningRedis;
    let redis: Redis;
    beforeAll(async () => {
      server = await startOwnRedis();
      redis = new Redis(server.url);
    });
    afterAll(async () => {
      redis.disconnect();
      await server.stop();
    });

    it('exist', () => expect(commands.length).toBeGreaterThan(5));

    it.each(commands)(
      'are accepted by Redis: $at $line',
      async ({ args: [command = '', ...args] }) => {
        expect(await redis.call(command, ...args)).not.toBeInstanceOf(Error);
      },
    );

    it('grant the same permissions as the recipes', () => {
      const grants = commands
        .map(({ line }) => line)
        .filter((line) => / ACL SETUSER app /.test(line));
      expect(new Set(grants).size).toBe(2); // For a single Redis, and for a Cluster.
    });
  });
});

describe('data in the documentation', () => {
  it.each(blocksIn(pages, 'json'))('is valid JSON: $at', ({ code }) => {
    expect(() => JSON.parse(code) as unknown).not.toThrow();
  });

  it('is valid YAML where it is marked as YAML', () => {
    const faults = blocksIn(pages, 'yaml').flatMap((block) =>
      parseAllDocuments(block.code).flatMap(({ errors }) =>
        errors.map(({ message }) => `${block.at}: ${message}`),
      ),
    );
    expect(faults).toEqual([]);
  });

  it('is valid Python where it is marked as Python, if Python is installed', async () => {
    const python = await onPath('python3');
    const check = ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'];
    for (const { code } of python === undefined ? [] : blocksIn(pages, 'python')) {
      expect(faultsOf(python ?? '', check, code)).toBe('');
    }
  });
});
