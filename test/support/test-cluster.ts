import type { INestApplication, INestApplicationContext, Provider, Type } from '@nestjs/common';
import { NestFactory, type AbstractHttpAdapter } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import {
  RedisPropagatorModule,
  SocketStateAdapter,
  type AuthOptions,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { InMemoryBus, InMemoryPubSub } from '../../src/testing/index.js';
import { MemoryLogger } from './memory-logger.js';
import { FENCE, type TestClient } from './test-client.js';
import { TestInstance } from './test-instance.js';
import { PATIENCE_MS } from './until.js';

/** The token is the user id; `bad` is refused. */
export const TOKEN_IS_USER: AuthOptions = {
  authenticate: (token) => (token === 'bad' ? null : { userId: token }),
  timeoutMs: PATIENCE_MS,
};

/** Timeouts long enough for a pause of the machine. Tests of these timeouts set their own values. */
const PATIENT = {
  connectTimeoutMs: PATIENCE_MS,
  publishTimeoutMs: PATIENCE_MS,
  requestTimeoutMs: PATIENCE_MS,
} satisfies RedisPropagatorOptions;

export function testRedisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (url === undefined) throw new Error('the global set-up of the tests sets TEST_REDIS_URL');
  return url;
}

/** Several instances of one app, with helpers for tests. */
export class TestCluster {
  constructor(
    readonly instances: readonly TestInstance[],
    readonly prefix: string,
    readonly logger: MemoryLogger,
    private readonly workerOptions: () => RedisPropagatorOptions,
  ) {}

  private readonly workers: INestApplicationContext[] = [];

  instance(index: number): TestInstance {
    const instance = this.instances[index];
    if (instance === undefined) throw new Error(`there is no instance ${index}`);
    return instance;
  }

  /** The name of a channel, such as `channel('all')` or `channel('user:42', '/chat')`. */
  channel(target: string, namespace = '/'): string {
    return `${this.prefix}:${namespace}:${target}`;
  }

  /** Starts one more process of the app without gateways and without a port, such as a queue worker or a cron job. */
  startWorker(...providers: Provider[]): Promise<INestApplicationContext> {
    return this.startWorkerWith({}, ...providers);
  }

  async startWorkerWith(
    options: RedisPropagatorOptions,
    ...providers: Provider[]
  ): Promise<INestApplicationContext> {
    class TestWorkerModule {}
    const worker = await NestFactory.createApplicationContext(
      {
        module: TestWorkerModule,
        imports: [RedisPropagatorModule.forRoot({ ...this.workerOptions(), ...options })],
        providers,
      },
      { logger: false },
    );
    this.workers.push(worker);
    return worker;
  }

  /**
   * Waits until everything that any instance sent before has arrived at these clients (Redis keeps the order of one
   * connection). An event that has not arrived by then never will: silence without a sleep.
   */
  async settled(...clients: TestClient[]): Promise<void> {
    for (const instance of this.instances) {
      const fence = randomUUID();
      for (const namespace of new Set(clients.map((client) => client.namespace))) {
        await instance.propagator.emitToAll({ namespace, event: FENCE, data: fence });
      }
      await Promise.all(clients.map((client) => client.waitForFence(fence)));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.instances, ...this.workers].map((each) => each.close()));
  }
}

/** Sets up a test in one sentence: `await givenCluster().of(2).with(EventsGateway).start()`. */
export function givenCluster(): TestClusterBuilder {
  return new TestClusterBuilder();
}

class TestClusterBuilder {
  private size = 2;
  private providers: Provider[] = [];
  /** For the first instance only. */
  private ofFirst: Provider[] = [];
  private controllers: Type[] = [];
  private options: (instance: number) => RedisPropagatorOptions = () => ({});
  private prepare: (app: INestApplication) => void = () => undefined;
  private redis: string | undefined;
  private inMemory = false;
  private platform: (() => AbstractHttpAdapter) | undefined;

  /** The number of instances. */
  of(size: number): this {
    this.size = size;
    return this;
  }

  /** Gateways and other providers of the app. */
  with(...providers: Provider[]): this {
    this.providers.push(...providers);
    return this;
  }

  /** Providers that can exist only once, such as a gateway with its own port. */
  withOnFirst(...providers: Provider[]): this {
    this.ofFirst.push(...providers);
    return this;
  }

  withControllers(...controllers: Type[]): this {
    this.controllers.push(...controllers);
    return this;
  }

  /** Options in addition to `redis`, `prefix` and `auth`, which the tests set themselves. */
  configured(
    options: RedisPropagatorOptions | ((instance: number) => RedisPropagatorOptions),
  ): this {
    this.options = typeof options === 'function' ? options : () => options;
    return this;
  }

  /** The part of `main.ts` that runs before the app listens. */
  prepared(prepare: (app: INestApplication) => void): this {
    this.prepare = prepare;
    return this;
  }

  /** Uses another Redis than the one that the tests share. */
  onRedis(url: string): this {
    this.redis = url;
    return this;
  }

  /** Uses another HTTP server than Express. */
  on(platform: () => AbstractHttpAdapter): this {
    this.platform = platform;
    return this;
  }

  onInMemoryPubSub(): this {
    this.inMemory = true;
    return this;
  }

  async start(): Promise<TestCluster> {
    const prefix = `test-${randomUUID()}`;
    const logger = new MemoryLogger();
    const bus = new InMemoryBus();
    const instances: TestInstance[] = [];
    const shared = (): RedisPropagatorOptions => ({
      ...(this.inMemory
        ? { pubSub: new InMemoryPubSub(bus) }
        : { redis: this.redis ?? testRedisUrl() }),
      prefix,
      logger,
      ...PATIENT,
    });
    const cluster = new TestCluster(instances, prefix, logger, shared);
    try {
      for (let index = 0; index < this.size; index++) {
        const options = { ...shared(), auth: TOKEN_IS_USER, ...this.options(index) };
        const own = index === 0 ? this.ofFirst : [];
        instances.push(await this.startInstance(options, [...this.providers, ...own]));
      }
    } catch (error) {
      // A running instance would keep the test process alive.
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  private async startInstance(
    options: RedisPropagatorOptions,
    providers: Provider[],
  ): Promise<TestInstance> {
    class TestAppModule {}
    const module = {
      module: TestAppModule,
      imports: [RedisPropagatorModule.forRoot(options)],
      providers,
      controllers: this.controllers,
    };
    const app = await (this.platform === undefined
      ? NestFactory.create(module, { logger: false })
      : NestFactory.create(module, this.platform(), { logger: false }));
    app.useWebSocketAdapter(new SocketStateAdapter(app));
    this.prepare(app);
    await app.listen(0, '127.0.0.1');
    return new TestInstance(app);
  }
}
