import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onPath } from '../../scripts/redis/on-path.mjs';
import type { Answer, Command, InstanceConfig, Report } from './protocol.js';

export type System = 'library' | 'socket-io';

const SCRIPTS: Readonly<Record<System, string>> = {
  library: 'test/faults/library-app.ts',
  'socket-io': 'test/faults/socket-io-app.ts',
};
const RUN_TS = ['--import', './test/support/run-ts.mjs'];

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
    const child = fork(SCRIPTS[system], [JSON.stringify(config)], {
      ...(setpriv === undefined
        ? { execArgv: RUN_TS }
        : { execPath: setpriv, execArgv: ['--pdeathsig', 'KILL', process.execPath, ...RUN_TS] }),
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

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  private tell(command: Command): void {
    this.child.send(command);
  }
}

function heard<T extends Answer['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<Answer, { type: T }>> {
  return new Promise((resolve, reject) => {
    const listen = (answer: Answer): void => {
      if (answer.type !== type) return;
      child.off('message', listen).off('exit', ended);
      resolve(answer as Extract<Answer, { type: T }>);
    };
    const ended = (code: unknown): void => {
      reject(new Error(`an instance ended with ${String(code)}`));
    };
    child.on('message', listen).once('exit', ended);
  });
}
