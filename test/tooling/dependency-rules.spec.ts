import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/** Every rule of .dependency-cruiser.cjs, broken once: file, import, and the broken rule. */
const broken: [file: string, text: string, rule: string][] = [
  ['src/ports/a.ts', `import '../errors.js';`, 'room-ports'],
  ['src/text/a.ts', `import '../errors.js';`, 'room-text'],
  ['src/errors/a.ts', `import '../options/options.js';`, 'room-errors'],
  ['src/options/b.ts', `import '../wire/wire.js';`, 'room-options'],
  ['src/redis/c.ts', `import type { W } from '../wire/wire.js';`, 'room-redis'],
  ['src/cluster/d.ts', `import '../redis/redis-service.js';`, 'room-cluster'],
  ['src/propagation/e.ts', `import '../redis/redis-service.js';`, 'room-propagation'],
  ['src/sockets/f.ts', `import '../wire/wire.js';`, 'room-sockets'],
  ['src/presence/g.ts', `import '../nest/nest.js';`, 'room-presence'],
  ['src/nest/h.ts', `import '../testing/helper.js';`, 'room-nest'],
  ['src/wire/i.ts', `import '../index.js';`, 'nobody-imports-the-door'],
  ['src/nest/j/k.ts', `import '..';`, 'no-barrel-to'],
  ['src/nest/index.ts', `import './nest.js';`, 'no-barrel-from'],
  ['src/helpers/l.ts', `import '../errors.js';`, 'unknown-room-from'],
  ['src/nest/m.ts', `import '../helpers/helper.js';`, 'unknown-room-to'],
  ['src/wire/n.ts', `import './o.js';`, 'no-cycle'],
  ['src/wire/p.ts', `import './nowhere.js';`, 'no-unresolved'],
  ['src/nest/q.ts', `import type { Redis } from 'ioredis';`, 'ioredis-stays-in-redis'],
  ['src/options/r.ts', `import { Redis } from 'ioredis';`, 'options-only-types'],
  ['src/presence/s.ts', `import type { X } from '@nestjs/common';`, 'nest-stays-in-nest'],
  ['src/redis/t.ts', `import type { X } from 'socket.io';`, 'redis-carries-bytes'],
  ['src/sockets/u.ts', `import { X } from 'socket.io';`, 'socket-io-only-types'],
  ['src/wire/v.ts', `import 'node:net';`, 'wire-is-pure'],
  ['src/nest/w.ts', `import 'jest';`, 'no-dev-package'],
  ['src/index.ts', `export * from './testing/helper.js';`, 'main-door-without-testing'],
  ['src/observability/x.ts', `import '../redis/redis-service.js';`, 'room-observability'],
  [
    'src/cluster/y.ts',
    `import type { Span } from '@opentelemetry/api';`,
    'opentelemetry-stays-in-observability',
  ],
  [
    'src/observability/z.ts',
    `import { trace } from '@opentelemetry/api';`,
    'opentelemetry-stays-in-observability',
  ],
];

/** Imports that the rules must allow. */
const sound: [file: string, text: string][] = [
  ['src/text.ts', `export const t = 1;`],
  ['src/errors.ts', `import './text.js'; export const e = 1;`],
  ['src/options/options.ts', `import '../errors.js'; import type { X } from 'ioredis';`],
  ['src/wire/wire.ts', `import 'node:buffer'; import '../errors.js'; export type W = 1;`],
  ['src/ports/pub-sub.ts', `export type P = 1;`],
  ['src/redis/channel-subscriptions.ts', `import type { P } from '../ports/pub-sub.js';`],
  ['src/redis/redis-service.ts', `import 'ioredis'; import '../options/options.js';`],
  [
    'src/cluster/router.ts',
    `import '../redis/channel-subscriptions.js'; import '../wire/wire.js';`,
  ],
  ['src/nest/nest.ts', `import '@nestjs/common'; import '../cluster/router.js';`],
  [
    'src/observability/otel.ts',
    `import type * as Otel from '@opentelemetry/api'; export const otel = () => import('@opentelemetry/api');`,
  ],
  ['src/testing/helper.ts', `import '../nest/nest.js';`],
  ['src/testing/index.ts', `export * from './helper.js';`],
];

/** The files that are imported. */
const others: [file: string, text: string][] = [
  ['src/wire/o.ts', `import './n.js';`],
  ['src/helpers/helper.ts', ``],
];

const packageJson = {
  peerDependencies: {
    ioredis: '*',
    '@nestjs/common': '*',
    'socket.io': '*',
    '@opentelemetry/api': '*',
  },
  devDependencies: { jest: '*' },
};

describe('the dependency rules', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dependency-rules-'));
  let found: { from: string; rule: string }[];

  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const cruise = (...args: string[]) => {
    const command = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const config = resolve('.dependency-cruiser.cjs');
    return spawnSync(process.execPath, [command, 'src', '--config', config, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  };

  beforeAll(() => {
    write('package.json', JSON.stringify(packageJson));
    for (const name of ['ioredis', '@nestjs/common', 'socket.io', '@opentelemetry/api', 'jest']) {
      write(`node_modules/${name}/index.js`, '');
    }
    for (const [file, text] of [...broken, ...sound, ...others]) write(file, text);
    const report = JSON.parse(cruise('--output-type', 'json').stdout) as {
      summary: { violations: { from: string; rule: { name: string } }[] };
    };
    found = report.summary.violations.map(({ from, rule }) => ({ from, rule: rule.name }));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(broken)('%s: "%s" breaks %s', (from, _text, rule) => {
    expect(found).toContainEqual({ from, rule });
  });

  it('allow correct imports', () => {
    const files = new Set(sound.map(([file]) => file));
    expect(found.filter(({ from }) => files.has(from))).toEqual([]);
  });

  it('end with an exit code that fails a build', () => {
    expect(cruise().status).toBeGreaterThan(0);
  });
});
