import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { shownOptions } from '../../../src/observability/shown-options.js';
import { VERSION } from '../../../src/observability/version.js';
import { versionIn } from '../../../src/redis/server-version.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const SECRET = 'hunter2-hunter2-hunter2-hunter2-';
const shown = (options: Parameters<typeof resolveOptions>[0]) =>
  shownOptions(resolveOptions(options, new MemoryLogger()));

describe('options in diagnostics', () => {
  it.each<[Parameters<typeof resolveOptions>[0], string]>([
    [{ redis: `redis://user:${SECRET}@host:6379` }, 'redis: one server'],
    [{ redis: { host: 'h', password: SECRET } }, 'redis: one server'],
    [
      { redis: { sentinels: [{ host: 'h', port: 1 }], name: 'm', sentinelPassword: SECRET } },
      'redis: Sentinel',
    ],
    [
      {
        redis: { nodes: [{ host: 'h', port: 1 }], options: { redisOptions: { password: SECRET } } },
      },
      'redis: Cluster',
    ],
  ])('show only the kind of Redis: %j', (options, transport) => {
    const result = shown({ ...options, secret: SECRET });
    expect(result).toMatchObject({ transport });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('hide options that are added later, unless the value is a number, a boolean or known to be harmless', () => {
    const resolved = resolveOptions({ prefix: 'app' }, new MemoryLogger());
    const later = {
      ...resolved,
      apiKey: SECRET,
      nested: { token: SECRET, list: [SECRET], on: true, most: 3, bytes: Buffer.from(SECRET) },
    };
    expect(shownOptions(later)).toMatchObject({
      prefix: 'app',
      maxMessageBytes: 4_194_304,
      apiKey: '(set)',
      nested: { token: '(set)', list: '(set)', on: true, most: 3, bytes: '(set)' },
      logger: '(set)',
    });
  });
});

describe('versions', () => {
  it('take the version of the library from its package', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(VERSION).toBe(version);
  });

  it.each([
    ['# Server\r\nredis_version:7.4.2\r\nredis_mode:standalone\r\n', '7.4.2'],
    [
      '# Server\r\nredis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n',
      'valkey 8.1.0',
    ],
    ['', null],
  ])('take the version of the server from its reply %j', (info, version) => {
    expect(versionIn(info)).toBe(version);
  });
});
