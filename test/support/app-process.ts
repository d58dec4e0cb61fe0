import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { RedisPropagatorOptions } from '../../src/index.js';
import { bundled } from './bundled.mjs';
import type { Answer, Command, Verb } from '../fixtures/process-app/main.js';

/** A value that JSON can represent. */
export type ProcessOptions = Pick<
  RedisPropagatorOptions,
  'redis' | 'prefix' | 'subscribeTimeoutMs'
>;

/** An instance of an app in its own process. */
export class AppProcess {
  private readonly errors: string[] = [];

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    child.stderr?.on('data', (text: Buffer) => this.errors.push(text.toString()));
  }

  static async start(options: ProcessOptions): Promise<AppProcess> {
    const child = fork(bundled('test/fixtures/process-app/main.ts'), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const started = await next(child);
    if (typeof started === 'string' || !('url' in started))
      throw new Error('the app did not start');
    return new AppProcess(child, started.url);
  }

  /** Calls a verb in the process. Resolves to the receipt of the verb, or to the code of its error. */
  async emit(
    verb: Verb,
    event: { event: string; data?: unknown; userId?: string; publish?: 'fail-fast' },
  ): Promise<unknown> {
    const answered = next(this.child);
    this.send({ type: 'emit', verb, event });
    const answer = await answered;
    if (typeof answer === 'string') throw new Error('that was not asked');
    return 'receipt' in answer ? answer.receipt : answer;
  }

  /** Calls a verb in the process, without awaiting its promise there. */
  emitAndForget(verb: Verb, event: { event: string; data?: unknown; userId?: string }): void {
    this.send({ type: 'emit and forget', verb, event });
  }

  /** Closes the app and waits until the process has ended by itself. Resolves to the exit code and the error output. */
  async close(): Promise<{ code: unknown; stderr: string }> {
    const exited = once(this.child, 'exit');
    this.send({ type: 'close' });
    const [code] = (await exited) as [unknown];
    return { code, stderr: this.errors.join('') };
  }

  /** Kills the process if it is still running. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private send(command: Command): void {
    this.child.send(command);
  }
}

async function next(child: ChildProcess): Promise<Answer> {
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the app's process ended with ${String(code)}`);
    }),
  ])) as [Answer];
  return message;
}
