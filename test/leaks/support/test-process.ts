import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { compiled } from '../../support/compiled.mjs';
import type { Answer, Call } from '../app/serve.js';

/** A process of a test, whose functions the test calls by name. */
export class TestProcess {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly exited: Promise<unknown[]>;
  private readonly errors: string[] = [];
  private lastId = 0;

  private constructor(private readonly child: ChildProcess) {
    this.exited = once(child, 'exit');
    child.stderr?.on('data', (text: Buffer) => this.errors.push(text.toString()));
    child.on('message', (message: Answer | 'ready') => {
      if (message !== 'ready') this.waiting.get(message.id)?.(message);
    });
    child.on('exit', () => {
      for (const [id, answered] of this.waiting) answered({ id, error: 'the process has ended' });
    });
  }

  static async start(file: string): Promise<TestProcess> {
    const child = fork(compiled(file), {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const process = new TestProcess(child);
    const started = await Promise.race([once(child, 'message'), process.exited]);
    if (started[0] !== 'ready') throw new Error(`did not start: ${process.stderr}`);
    return process;
  }

  get stderr(): string {
    return this.errors.join('');
  }

  async call<T>(name: string, ...args: unknown[]): Promise<T> {
    const id = ++this.lastId;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    this.child.send({ id, name, args } satisfies Call);
    const answer = await answered;
    this.waiting.delete(id);
    if ('error' in answer) throw new Error(`${name}: ${answer.error} ${this.stderr}`);
    return answer.value as T;
  }

  /** Disconnects from the process. Resolves to its exit code once it has ended by itself. */
  async ended(): Promise<unknown> {
    this.child.send({ id: 0, name: 'disconnect', args: [] } satisfies Call);
    const [code] = await this.exited;
    return code;
  }

  /** Kills the process if it is still running. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}
