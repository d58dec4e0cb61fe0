import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onPath } from '../../scripts/redis/on-path.mjs';
import type { RedisPropagatorOptions } from '../../src/index.js';
import { bundled } from './bundled.mjs';
import type { Answer, Call, ServiceName } from '../fixtures/cluster-app/main.js';

const SCRIPT = bundled('test/fixtures/cluster-app/main.ts');

/** An instance of a cluster in its own process. */
export class ClusterProcess {
  private lastId = 0;

  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    readonly instanceId: string,
  ) {
    // Each call in progress adds a listener for its reply.
    child.setMaxListeners(0);
  }

  static async start(options: RedisPropagatorOptions): Promise<ClusterProcess> {
    // A frozen process does not notice the end of its parent, but the kernel can still kill it.
    const setpriv = await onPath('setpriv');
    const child = fork(SCRIPT, [JSON.stringify(options)], {
      ...(setpriv === undefined
        ? {}
        : {
            execPath: setpriv,
            execArgv: ['--pdeathsig', 'KILL', process.execPath],
          }),
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // Transfers a Map as a Map.
      serialization: 'advanced',
    });
    const started = await answer(child, ({ type }) => type === 'started');
    if (started.type !== 'started') throw new Error('the process did not start');
    return new ClusterProcess(child, started.url, started.instanceId);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Calls a method of a service in the process. */
  async call<R>(service: ServiceName, method: string, ...args: unknown[]): Promise<R> {
    return (await this.ask({ id: ++this.lastId, service, method, args })) as R;
  }

  /** Subscribes to an Observable of a service in the process, such as `changes$`, for as long as the process runs. */
  async listen(
    service: ServiceName,
    observable: string,
    next: (value: unknown) => void,
  ): Promise<void> {
    const id = ++this.lastId;
    this.child.on('message', (message: Answer) => {
      if (message.type === 'next' && message.id === id) next(message.value);
    });
    await this.ask({ id, service, observable });
  }

  /** Freezes the process (SIGSTOP); `thaw` continues it. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  /** Closes the app. Resolves to the exit code once the process has ended by itself. */
  async close(): Promise<unknown> {
    const exited = once(this.child, 'exit');
    this.send({ id: 0, service: 'app', method: 'close' });
    const [code] = (await exited) as [unknown];
    return code;
  }

  /** Kills the process if it is still running, even if it is frozen. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exited;
  }

  private async ask(call: Call): Promise<unknown> {
    const answered = answer(
      this.child,
      (message) => message.type !== 'started' && message.type !== 'next' && message.id === call.id,
    );
    this.send(call);
    const message = await answered;
    if (message.type === 'answer') return message.value;
    throw new Error(message.type === 'failure' ? message.message : 'no answer');
  }

  private send(call: Call): void {
    this.child.send(call);
  }
}

function answer(child: ChildProcess, isIt: (message: Answer) => boolean): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const listen = (message: Answer): void => {
      if (isIt(message)) end(() => resolve(message));
    };
    const exited = (code: unknown): void => {
      end(() => reject(new Error(`the process ended with ${String(code)}`)));
    };
    const end = (settle: () => void): void => {
      child.off('message', listen).off('exit', exited);
      settle();
    };
    child.on('message', listen).on('exit', exited);
  });
}
