import { randomUUID } from 'node:crypto';
import { AppProcess } from '../../scripts/demo/app-process.mjs';
import { bundled } from './bundled.mjs';
import { TestClient } from './test-client.js';
import { testRedisUrl } from './test-cluster.js';

/** Environment variables of an example, in addition to REDIS_URL, REDIS_PREFIX and PORT. */
export type Env = Record<string, string>;

/** Instances of an example, each in its own process, started by its `main.ts`. */
export class Example {
  private readonly clients: TestClient[] = [];

  private constructor(private readonly processes: readonly AppProcess[]) {}

  /** Starts one instance for each environment. */
  static async start(name: string, ...envs: Env[]): Promise<Example> {
    const prefix = `test-${randomUUID()}`;
    const processes = envs.map((env) => spawn(name, { REDIS_PREFIX: prefix, ...env }));
    const example = new Example(processes);
    try {
      await Promise.all(processes.map(({ ready }) => ready));
    } catch (error) {
      await example.close();
      throw error;
    }
    return example;
  }

  /** Starts an instance that is expected to fail. Resolves to the output of the process. */
  static async failure(name: string, env: Env): Promise<string> {
    const started = spawn(name, env);
    try {
      return await started.ready.then(() => 'it started', String);
    } finally {
      await started.stop();
    }
  }

  url(instance: number): string {
    const url = this.processes[instance]?.urls[0];
    if (url === undefined) throw new Error(`there is no instance ${instance}`);
    return url;
  }

  /** The output of an instance so far. */
  printed(instance: number): string {
    return this.processes[instance]?.printed ?? '';
  }

  async connect(instance: number, token: string): Promise<TestClient> {
    const client = await TestClient.connect(this.url(instance), { token });
    this.clients.push(client);
    return client;
  }

  /** Connects a client. Resolves to the error code of the refusal, or to `let in`. */
  async answerTo(instance: number, token?: string): Promise<string> {
    const client = TestClient.open(this.url(instance), token === undefined ? {} : { token });
    this.clients.push(client);
    return client.connected().then(
      () => 'let in',
      ({ data }: { data?: { code?: string } }) => data?.code ?? 'refused without a code',
    );
  }

  disconnectAll(): void {
    for (const client of this.clients.splice(0)) client.close();
  }

  async close(): Promise<void> {
    this.disconnectAll();
    await Promise.all(this.processes.map((each) => each.stop()));
  }
}

function spawn(name: string, env: Env): AppProcess {
  return new AppProcess(
    bundled(`examples/${name}/src/main.ts`),
    {
      REDIS_URL: testRedisUrl(),
      PORT: '0',
      ...env,
    },
    1,
  );
}
