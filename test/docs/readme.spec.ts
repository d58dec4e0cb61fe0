import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppProcess } from '../../scripts/demo/app-process.mjs';
import { blocksIn, filesOf } from '../../scripts/docs-check/code.mjs';
import { page, project } from '../../scripts/docs-check/pages.mjs';
import { section, table } from '../support/markdown-table.js';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { until } from '../support/until.js';

const MAX_LINES = 250;
const readme = page('README.md');

describe('the README', () => {
  it('is short', () => {
    expect(readme.text.split('\n').length - 1).toBeLessThanOrEqual(MAX_LINES);
  });
});

describe('the quick start of the README', () => {
  let folder: string;
  let redis: RunningRedis;
  const apps: AppProcess[] = [];

  beforeAll(async () => {
    await mkdir(join(project, '.cache'), { recursive: true });
    folder = await mkdtemp(join(project, '.cache/quick-start-'));
    for (const [name, code] of filesOf(readme)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      const listen = /( *)await app\.listen\(.*\);\n/;
      const told = code.replace(
        listen,
        (line) => `${line}console.log(\`Listening on \${await app.getUrl()}\`);\n`,
      );
      await writeFile(join(folder, name), told);
    }
    // The app has no prefix of its own.
    redis = await startOwnRedis();
    const env = {
      NODE_OPTIONS: '--import=./test/support/run-ts.mjs',
      REDIS_URL: redis.url,
      PORT: '0',
    };
    apps.push(...[0, 1].map(() => new AppProcess(join(folder, 'src/main.ts'), env, 1)));
    await Promise.all(apps.map(({ ready }) => ready));
  }, 60_000);

  afterAll(async () => {
    await Promise.all(apps.map((app) => app.stop()));
    await redis.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('prints the output that it shows', async () => {
    const urls = apps.map((app) => app.urls[0] ?? '');
    const client = promisify(execFile)(process.execPath, [join(folder, 'client.mjs'), ...urls]);
    let printed = '';
    client.child.stdout?.on('data', (chunk) => (printed += String(chunk)));
    const commands = blocksIn([readme], 'sh').find(({ code }) => code.includes('client.mjs'));
    const shown = [...(commands?.code.matchAll(/^# (.*)$/gm) ?? [])].map(([, line]) => line ?? '');
    expect(shown.length).toBeGreaterThan(0);

    // Either device may print first.
    const lines = () => printed.trim().split('\n');
    await until(
      () => lines().length >= shown.length,
      () => `${shown.length} lines, got ${printed}`,
    );
    client.child.kill();
    await client.catch(() => undefined);
    expect(lines()).toHaveLength(shown.length);
    expect(new Set(lines())).toEqual(new Set(shown));
  });
});

describe('the comparison of the README', () => {
  const rows = table(section(readme.text, 'Comparison'), '');
  const benchmarks = page('docs/benchmarks.md').text;
  const guarantees = page('docs/guarantees.md').text;
  const CONTESTANTS = [
    ['This library', '**this library**'],
    ['`redis-adapter`', 'redis-adapter'],
    ['`redis-adapter`, sharded', 'redis-adapter, sharded'],
    ['`redis-streams-adapter`', 'redis-streams-adapter'],
  ] as const;

  /** The figure of a contestant without its quartiles, in the table of a scenario. */
  function figure(heading: string, kind: string, column: string, contestant: string): string {
    const found = table(section(benchmarks, heading), 'Case').find(
      (row) => row['Case'] === kind && row['Contestant'] === contestant,
    );
    return (found?.[column] ?? 'missing').replace(/ \(.*/, '');
  }

  it.each([
    [
      'Redis connections cut: events lost',
      'The Redis connections of an instance with 50,000 users are cut',
      'connections cut',
      'Lost, %',
      ' %',
    ],
    [
      'Event for one user, 16 instances, CPU',
      'An event for a user on another instance, by the number of instances',
      '16 instances',
      'CPU µs per event, all processes added up',
      ' µs',
    ],
    [
      'Event for all, 10 in a tick, CPU for each client',
      'Emit to all, 500 sockets on each of two instances',
      '10 in a tick',
      'CPU µs per delivered frame',
      ' µs',
    ],
    [
      'Client that connects, CPU',
      '5,000 authenticated users connect to one instance, 100 at a time',
      'connecting',
      'CPU µs per connection, instance and Redis',
      ' µs',
    ],
    [
      'Idle client, heap',
      '5,000 idle users of one instance',
      'idle',
      'Bytes of heap per socket on the instance',
      ' bytes',
    ],
  ])('has the figures of docs/benchmarks.md: %s', (name, heading, kind, column, unit) => {
    const row = rows.find((each) => each[''] === name);
    const said = CONTESTANTS.map(([title]) => row?.[title]);
    const measured = CONTESTANTS.map(([, contestant]) =>
      figure(heading, kind, column, contestant),
    ).map((value) => `${value}${unit}`);
    expect(said).toEqual(measured);
  });

  it('has the figures of docs/guarantees.md', () => {
    const [line = ''] = /^\| Redis is killed and restarted +\| \d.*$/m.exec(guarantees) ?? [];
    const [, lost, , , , lostByAdapter] = line.match(/\d+/g) ?? [];
    const row = rows.find((each) => each['']?.startsWith('Redis killed'));
    expect([row?.['This library'], row?.['`redis-adapter`']?.replace(',', '')]).toEqual([
      lost,
      lostByAdapter,
    ]);
  });
});
