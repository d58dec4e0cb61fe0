import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { RedisPropagatorOptions } from '../../src/index.js';
import type { Answer, Command, Verb } from '../fixtures/process-app/main.js';

/** What can be said in JSON. */
export type ProcessOptions = Pick<
  RedisPropagatorOptions,
  'redis' | 'prefix' | 'subscribeTimeoutMs'
>;

/** An instance of an app in a process of its own. */
export class AppProcess {
  private readonly errors: string[] = [];

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
  ) {
    child.stderr?.on('data', (text: Buffer) => this.errors.push(text.toString()));
  }

  static async start(options: ProcessOptions): Promise<AppProcess> {
    const child = fork('test/fixtures/process-app/main.ts', [JSON.stringify(options)], {
      execArgv: ['--import', './test/support/run-ts.mjs'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const started = await next(child);
    if (typeof started === 'string' || !('url' in started))
      throw new Error('the app did not start');
    return new AppProcess(child, started.url);
  }

  /** Calls a verb in the process and resolves to its receipt, or to the code of its error. */
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

  /** Calls a verb in the process, which does not await it. */
  emitAndForget(verb: Verb, event: { event: string; data?: unknown; userId?: string }): void {
    this.send({ type: 'emit and forget', verb, event });
  }

  /** Closes the app, not the process: resolves once that has ended by itself, to how it did. */
  async close(): Promise<{ code: unknown; stderr: string }> {
    const exited = once(this.child, 'exit');
    this.send({ type: 'close' });
    const [code] = (await exited) as [unknown];
    return { code, stderr: this.errors.join('') };
  }

  /** Ends the process at once, if it still lives. */
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
