import { deepStrictEqual as expectEqual } from 'node:assert';
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { io, type Socket } from 'socket.io-client';
import type { MixedAppState } from '../fixtures/mixed-app/main.js';
import { startOwnRedis } from '../support/own-redis.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';

// Starts an instance of an earlier version beside one of this version, as in a rolling deploy, each in a process:
// `npm run test:mixed -- <commit>`. Events pass both ways, each sees the other as a member, and tells a gap for what it missed.

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
const RUN_TS = pathToFileURL(join(PROJECT, 'test/support/run-ts.mjs')).href;
const APP = join(PROJECT, 'test/fixtures/mixed-app/main.ts');

/** An instance in a process, its way to Redis, and a client of it. */
class Instance {
  readonly received: unknown[] = [];
  private constructor(
    private readonly child: ChildProcess,
    private readonly proxy: TcpProxy,
    private readonly client: Socket,
  ) {
    client.on('n', (n: unknown) => this.received.push(n));
  }

  static async start(library: string, redis: string): Promise<Instance> {
    const proxy = await TcpProxy.to(redis);
    const child = fork(APP, [pathToFileURL(library).href, proxy.url, 'mixed'], {
      execArgv: ['--import', RUN_TS],
    });
    const [started] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [
      unknown,
    ];
    if (started !== 'started') throw new Error(`the process ended with ${String(started)}`);
    const { url } = await stateOf(child);
    const client = io(url, { transports: ['websocket'], auth: { token: 'alice' } });
    const instance = new Instance(child, proxy, client);
    await until(
      () => client.connected,
      () => 'the client to connect',
    );
    return instance;
  }

  state(): Promise<MixedAppState> {
    return stateOf(this.child);
  }

  emit(n: number): void {
    this.child.send(n);
  }

  /** Cuts the subscribed connections. They work again once the returned function is called. */
  cutOff(): () => void {
    return this.proxy.cutOff();
  }

  async close(): Promise<void> {
    this.client.close();
    this.child.kill('SIGKILL');
    await this.proxy.close();
  }
}

async function stateOf(child: ChildProcess): Promise<MixedAppState> {
  const answer = once(child, 'message');
  child.send('state');
  const [state] = (await answer) as [MixedAppState];
  return state;
}

/** Checks out the sources of a commit. Returns the path of the library. */
function sourcesOf(commit: string): string {
  const folder = join(PROJECT, 'node_modules', '.cache', 'mixed', commit);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const archive = execFileSync('git', ['-C', PROJECT, 'archive', commit, 'src'], {
    maxBuffer: 2 ** 28,
  });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  return join(folder, 'src', 'index.ts');
}

const [commit = 'v0.1.0'] = process.argv.slice(2);
const earlier = sourcesOf(commit);
const redis = await startOwnRedis();
const instances: Instance[] = [];
let sent = 0;
try {
  for (const library of [earlier, join(PROJECT, 'src', 'index.ts')]) {
    instances.push(await Instance.start(library, redis.url));
  }
  const [old, own] = instances as [Instance, Instance];
  const ids = { old: (await old.state()).instanceId, own: (await own.state()).instanceId };
  const isKnown = async (instance: Instance, id: string): Promise<boolean> =>
    (await instance.state()).members.includes(id);
  await until(
    async () => (await isKnown(old, ids.own)) && (await isKnown(own, ids.old)),
    () => 'each to see the other as a member',
  );
  for (const [from, to, id] of [
    [old, own, ids.old],
    [own, old, ids.own],
  ] as const) {
    from.emit(++sent);
    await until(
      () => to.received.includes(sent),
      () => 'an event',
    );
    const before = (await to.state()).gaps.length;
    const restore = to.cutOff();
    await until(
      async () => {
        from.emit(++sent);
        return sent % 50 === 0;
      },
      () => 'events that are missed',
    );
    const missed = sent;
    restore();
    await until(
      async () => (await to.state()).gaps.slice(before).some(({ instanceId }) => instanceId === id),
      () => 'the gap',
      60_000,
    );
    await until(
      () => {
        from.emit(++sent);
        return to.received.some((n) => Number(n) > missed);
      },
      () => 'an event after the outage',
    );
    await until(
      () => to.received.includes(sent),
      () => 'the last event',
    );
    expectEqual(await isKnown(to, id), true);
  }
  for (const { received } of instances) {
    expectEqual(
      received,
      [...new Set(received as number[])].toSorted((a, b) => a - b),
    );
  }
  console.log(
    `${commit} beside this version: events passed both ways, and both outages were told as gaps`,
  );
} finally {
  await Promise.all(instances.map((instance) => instance.close()));
  await redis.stop();
}
