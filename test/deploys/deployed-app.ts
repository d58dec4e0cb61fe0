import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { RedisPropagatorOptions, ShutdownOptions } from '../../src/index.js';
import { bundled } from '../support/bundled.mjs';
import type { Message } from '../fixtures/deploy-app/main.js';

const SCRIPT = bundled('test/fixtures/deploy-app/main.ts');

export interface DeployedAppOptions {
  readonly redis: string;
  readonly prefix: string;
  /** The interval at which an instance sends an event to all clients. */
  readonly tickMs: number;
  readonly shutdown?: ShutdownOptions;
  readonly recovery?: RedisPropagatorOptions['recovery'];
}

/** An instance in a process, which is ended as in a deploy. */
export class DeployedApp {
  /** Whether its health check reports that it is not ready any more. */
  ending = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
    readonly instanceId: string,
  ) {}

  static async start({
    redis,
    prefix,
    tickMs,
    shutdown,
    recovery,
  }: DeployedAppOptions): Promise<DeployedApp> {
    const child = fork(SCRIPT, [JSON.stringify([redis, prefix, tickMs, shutdown, recovery])], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const [started] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`the process ended with ${String(code)}`);
      }),
    ])) as [Message];
    if (started.type !== 'started') throw new Error('the process did not start');
    return new DeployedApp(child, Number(new URL(started.url).port), started.instanceId);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Sends SIGTERM. Resolves once the process has ended by itself, with that signal, which Nest raises again. */
  async terminate(): Promise<unknown> {
    this.ending = true;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const [code, signal] = (await exited) as [unknown, unknown];
    return code ?? signal;
  }

  /** Sends one more SIGTERM. */
  signalAgain(): void {
    this.child.kill('SIGTERM');
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
