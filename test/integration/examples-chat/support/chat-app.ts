import { randomUUID } from 'node:crypto';
import type { LoginResponse } from '../../../../examples/chat/shared/http.js';
import type { ClusterView } from '../../../../examples/chat/shared/model.js';
import { AppProcess } from '../../../../scripts/demo/app-process.mjs';
import { bundled } from '../../../support/bundled.mjs';
import { TestClient } from '../../../support/test-client.js';
import { testRedisUrl } from '../../../support/test-cluster.js';
import { until } from '../../../support/until.js';

type Env = Record<string, string>;
type Namespace = '/' | '/chat' | '/presence';

/** A user who has logged in. */
export interface LoggedIn extends LoginResponse {
  readonly headers: Record<string, string>;
}

/** Instances of examples/chat, each in its own process, named `one`, `two` and so on. */
export class ChatApp {
  readonly prefix = `test-${randomUUID()}`;
  private readonly processes: AppProcess[] = [];
  private readonly names: string[] = [];
  private readonly clients: TestClient[] = [];

  static readonly secret = 'a secret of the tests, with more than 32 bytes';

  private constructor(private readonly env: Env) {}

  static async start(env: Env = {}, names: readonly string[] = ['one', 'two']): Promise<ChatApp> {
    const app = new ChatApp(env);
    try {
      await Promise.all(names.map((name) => app.launch(name)));
      await app.untilMembersKnown();
    } catch (error) {
      await app.close();
      throw error;
    }
    return app;
  }

  /** Starts an instance that is expected to fail. Resolves to the output of the process. */
  static async failure(env: Env): Promise<string> {
    const started = spawn(env);
    try {
      return await started.ready.then(() => 'it started', String);
    } finally {
      await started.stop();
    }
  }

  /** Starts an instance. If one of the same name has ended, the new one takes its index. */
  async launch(name: string): Promise<void> {
    const started = spawn({ REDIS_PREFIX: this.prefix, INSTANCE_NAME: name, ...this.env });
    if (!this.names.includes(name)) this.names.push(name);
    this.processes[this.names.indexOf(name)] = started;
    await started.ready;
  }

  /** Starts the instances that have ended, and waits until all know one another. */
  async restore(): Promise<void> {
    const ended = this.names.filter((_, index) => hasEnded(this.processes[index]));
    await Promise.all(ended.map((name) => this.launch(name)));
    await this.untilMembersKnown();
  }

  url(instance: number): string {
    const url = this.processes[instance]?.urls[0];
    if (url === undefined) throw new Error(`there is no instance ${instance}`);
    return url;
  }

  printed(instance: number): string {
    return this.processes[instance]?.printed ?? '';
  }

  /** Resolves to exit code and signal once the process of the instance has ended by itself. */
  ended(instance: number): Promise<unknown[]> {
    return this.processes[instance]?.exited ?? Promise.reject(new Error('no such instance'));
  }

  kill(instance: number): void {
    this.processes[instance]?.child.kill('SIGKILL');
  }

  /** Freezes the instance; its connections stay open. */
  pause(instance: number): void {
    this.processes[instance]?.child.kill('SIGSTOP');
  }

  resume(instance: number): void {
    this.processes[instance]?.child.kill('SIGCONT');
  }

  async logIn(name: string, instance = 0): Promise<LoggedIn> {
    const response = await this.post('/auth/login', { name, password: 'demo' }, { instance });
    const login = (await response.json()) as LoginResponse;
    return { ...login, headers: { authorization: `Bearer ${login.token}` } };
  }

  post(
    path: string,
    body: unknown,
    { instance = 0, user }: { instance?: number; user?: LoggedIn } = {},
  ): Promise<Response> {
    return fetch(`${this.url(instance)}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...user?.headers },
      body: JSON.stringify(body),
    });
  }

  async view(instance = 0): Promise<ClusterView> {
    return (await (await fetch(`${this.url(instance)}/cluster`)).json()) as ClusterView;
  }

  async connect(
    instance: number,
    { token }: { token: string },
    namespace: Namespace = '/chat',
    device = 'a test',
  ): Promise<TestClient> {
    const auth = { token, metadata: { device } };
    const client = await TestClient.connect(this.url(instance), { namespace, auth });
    this.clients.push(client);
    return client;
  }

  disconnectAll(): void {
    for (const client of this.clients.splice(0)) client.close();
  }

  async close(): Promise<void> {
    this.disconnectAll();
    await Promise.all(this.processes.map((each) => each.stop()));
  }

  /** Waits until all instances know one another. */
  private async untilMembersKnown(): Promise<void> {
    await until(
      async () => {
        const views = await Promise.all(this.processes.map((_, i) => this.view(i)));
        return views.every(
          ({ instances }) =>
            instances.length === this.names.length &&
            instances.every(({ state }) => state === 'ready'),
        );
      },
      () => 'the instances to know one another',
    );
  }
}

function hasEnded(process: AppProcess | undefined): boolean {
  return process?.child.exitCode !== null || process.child.signalCode !== null;
}

function spawn(env: Env): AppProcess {
  return new AppProcess(
    bundled('examples/chat/server/main.ts'),
    {
      REDIS_URL: testRedisUrl(),
      JWT_SECRET: ChatApp.secret,
      PORT: '0',
      ...env,
    },
    1,
  );
}
