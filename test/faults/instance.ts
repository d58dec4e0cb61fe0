import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onPath } from '../../scripts/redis/on-path.mjs';
import { compiled } from '../support/compiled.mjs';
import type { Answer, Command, InstanceConfig, Report } from './protocol.js';

export type System = 'library' | 'socket-io';

const SCRIPTS: Readonly<Record<System, string>> = {
  library: 'test/faults/library-app.ts',
  'socket-io': 'test/faults/socket-io-app.ts',
};

/** An instance in its own process that sends numbered events. */
export class Instance {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly id: string,
  ) {}

  static async start(system: System, config: InstanceConfig): Promise<Instance> {
    // A frozen process does not notice the end of its parent, but the kernel can still kill it.
    const setpriv = await onPath('setpriv');
    const child = fork(compiled(SCRIPTS[system]), [JSON.stringify(config)], {
      ...(setpriv === undefined
        ? { execArgv: [] }
        : { execPath: setpriv, execArgv: ['--pdeathsig', 'KILL', process.execPath] }),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const answer = await heard(child, 'started');
    return new Instance(child, answer.url, answer.instanceId);
  }

  send(everyMs: number): void {
    this.tell({ type: 'send', everyMs });
  }

  stop(): void {
    this.tell({ type: 'stop' });
  }

  report(): Promise<Report> {
    const reported = heard(this.child, 'report');
    this.tell({ type: 'report' });
    return reported;
  }

  /** Freezes the process (SIGSTOP); `thaw` continues it. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Ends the process as in a deploy, with SIGTERM. */
  terminate(): Promise<void> {
    return this.end('SIGTERM');
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill(signal);
    await exited;
  }

  private tell(command: Command): void {
    // An instance that has ended is noticed where its reply is awaited.
    this.child.send(command, () => undefined);
  }
}

const PATIENCE_MS = 60_000;

function heard<T extends Answer['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Answer, { type: T }>> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer);
      child.off('message', listen).off('exit', ended);
    };
    const listen = (answer: Answer): void => {
      if (answer.type !== type) return;
      settle();
      resolve(answer as Extract<Answer, { type: T }>);
    };
    const fail = (reason: string): void => {
      settle();
      reject(new Error(`no "${type}" from an instance: ${reason}`));
    };
    const ended = (): void => {
      fail(`it ended with ${String(child.exitCode ?? child.signalCode)}`);
    };
    const timer = setTimeout(() => fail(`waited ${PATIENCE_MS} ms`), PATIENCE_MS);
    child.on('message', listen).once('exit', ended);
    if (child.exitCode !== null || child.signalCode !== null) ended();
  });
}
