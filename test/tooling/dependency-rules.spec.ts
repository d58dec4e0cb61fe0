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
  ['src/auth/f.ts', `import '../wire/wire.js';`, 'room-auth'],
  ['src/channels/f.ts', `import '../redis/redis-service.js';`, 'room-channels'],
  ['src/routing/f.ts', `import '../cluster/members.js';`, 'room-routing'],
  ['src/repair/f.ts', `import '../socket-io/internals.js';`, 'room-repair'],
  ['src/socket-io/f.ts', `import './connections/writer.js';`, 'room-socket-io'],
  [
    'src/socket-io/connections/f.ts',
    `import '../adapter/servers.js';`,
    'room-socket-io/connections',
  ],
  ['src/socket-io/commands/f.ts', `import '../adapter/servers.js';`, 'room-socket-io/commands'],
  ['src/socket-io/adapter/f.ts', `import '../../repair/repair.js';`, 'room-socket-io/adapter'],
  ['src/sessions/f.ts', `import '../presence/service.js';`, 'room-sessions'],
  ['src/presence/store/f.ts', `import '../tracker/tracker.js';`, 'room-presence/store'],
  ['src/presence/tracker/f.ts', `import '../service.js';`, 'room-presence/tracker'],
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
  ['src/auth/u.ts', `import { X } from 'socket.io';`, 'socket-io-only-types'],
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
  ['src/channels/channels.ts', `import type { P } from '../ports/pub-sub.js';`],
  ['src/redis/redis-service.ts', `import 'ioredis'; import '../options/options.js';`],
  ['src/cluster/members.ts', `import '../channels/channels.js'; import '../wire/wire.js';`],
  ['src/routing/router.ts', `import '../channels/channels.js'; import '../wire/wire.js';`],
  ['src/repair/repair.ts', `import '../cluster/members.js'; import '../routing/router.js';`],
  ['src/socket-io/internals.ts', `import '../wire/wire.js';`],
  ['src/socket-io/connections/writer.ts', `import '../internals.js';`],
  ['src/socket-io/adapter/servers.ts', `import '../connections/writer.js';`],
  ['src/presence/store/store.ts', `import '../../redis/redis-service.js';`],
  ['src/presence/tracker/tracker.ts', `import '../store/store.js';`],
  ['src/presence/service.ts', `import './tracker/tracker.js'; import './store/store.js';`],
  ['src/nest/nest.ts', `import '@nestjs/common'; import '../routing/router.js';`],
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
