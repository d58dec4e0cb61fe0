import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppProcess } from '../../scripts/demo/app-process.mjs';
import { blocksIn, filesOf } from '../../scripts/docs-check/code.mjs';
import { page, project } from '../../scripts/docs-check/pages.mjs';
import { testRedisUrl } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const guide = page('docs/getting-started.md');

/** A terminal that has client.mjs. */
class Terminal {
  printed = '';

  constructor(private readonly client: ChildProcess) {
    client.stdout?.on('data', (chunk) => (this.printed += String(chunk)));
    client.stderr?.on('data', (chunk) => (this.printed += String(chunk)));
  }

  type(line: string): void {
    this.client.stdin?.write(`${line}\n`);
  }

  async shows(text: string): Promise<void> {
    await until(
      () => this.printed.includes(text),
      () => `${JSON.stringify(text)}, got ${JSON.stringify(this.printed)}`,
    );
  }

  async close(): Promise<void> {
    const exited = once(this.client, 'exit');
    this.client.kill();
    await exited;
  }
}

describe('docs/getting-started.md, followed step by step', () => {
  let folder: string;
  const apps: AppProcess[] = [];
  const terminals: Terminal[] = [];

  beforeAll(async () => {
    await mkdir(join(project, '.cache'), { recursive: true });
    folder = await mkdtemp(join(project, '.cache/getting-started-'));
    for (const [name, code] of filesOf(guide)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), code);
    }
    const env = {
      NODE_OPTIONS: '--import=./test/support/run-ts.mjs',
      REDIS_URL: testRedisUrl(),
      REDIS_PREFIX: `test-${randomUUID()}`,
      PORT: '0',
    };
    apps.push(...[0, 1].map(() => new AppProcess(join(folder, 'src/main.ts'), env, 1)));
    await Promise.all(apps.map(({ ready }) => ready));
  }, 60_000);

  afterAll(async () => {
    await Promise.all(terminals.map((terminal) => terminal.close()));
    await Promise.all(apps.map((app) => app.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  const urlOf = (instance: number): string => apps[instance]?.urls[0] ?? '';
  const terminal = (instance: number, token: string): Terminal => {
    const args = [join(folder, 'client.mjs'), urlOf(instance), token];
    const started = new Terminal(spawn(process.execPath, args, { stdio: 'pipe' }));
    terminals.push(started);
    return started;
  };
  const ship = async (instance: number, userId: string): Promise<unknown> => {
    const response = await fetch(`${urlOf(instance)}/orders/${userId}/ship`, { method: 'POST' });
    return response.json();
  };

  it('has all files that it mentions', () => {
    expect([...filesOf(guide).keys()].sort()).toEqual([
      'client.mjs',
      'src/app.module.ts',
      'src/main.ts',
      'src/notes.gateway.ts',
      'src/orders.controller.ts',
    ]);
  });

  it('prints the output that it shows', async () => {
    const alices = [terminal(0, 'alice'), terminal(1, 'alice')];
    const bob = terminal(1, 'bob');
    const bad = terminal(0, 'bad');
    await Promise.all([...alices, bob].map((each) => each.shows('connected')));
    await bad.shows('refused: auth.token-rejected');

    alices[0]?.type('milk');
    await Promise.all(alices.map((each) => each.shows('noted')));
    expect(await ship(1, 'alice')).toEqual({ reached: true });
    expect(await ship(1, 'carol')).toEqual({ reached: false });
    await Promise.all(alices.map((each) => each.shows('order-shipped {"by":"train"}\n')));
    expect(await ship(0, 'bob')).toEqual({ reached: true });
    await bob.shows('order-shipped');

    const [shown] = blocksIn([guide], 'text');
    for (const { printed } of alices) expect(printed).toBe(shown?.code);
    expect(bob.printed).toBe('connected\norder-shipped {"by":"train"}\n');
  });
});
