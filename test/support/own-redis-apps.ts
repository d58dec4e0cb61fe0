import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { RedisPropagatorModule, type RedisPropagatorOptions } from '../../src/index.js';
import type { AppClient } from './borrowed-clients.js';
import { MemoryLogger } from './memory-logger.js';
import { startOwnRedis, type RunningRedis } from './own-redis.js';
import { until } from './until.js';

class AppModule {}

/** Redis servers of one test, apps without gateways on them, and clients. `end` closes all of them. */
export class OwnRedisApps {
  readonly logger = new MemoryLogger();
  private readonly servers: RunningRedis[] = [];
  private readonly apps: INestApplicationContext[] = [];
  private readonly clients: Pick<AppClient, 'disconnect'>[] = [];

  async server(...args: string[]): Promise<RunningRedis> {
    const started = await startOwnRedis(args);
    this.servers.push(started);
    return started;
  }

  async app(options: RedisPropagatorOptions): Promise<INestApplicationContext> {
    const app = await NestFactory.createApplicationContext(
      {
        module: AppModule,
        imports: [RedisPropagatorModule.forRoot({ logger: this.logger, ...options })],
      },
      { logger: false, abortOnError: false },
    );
    this.apps.push(app);
    return app;
  }

  /** A client that is closed with the others. Its errors are ignored. */
  client<Client extends AppClient>(client: Client): Client {
    client.on('error', () => undefined);
    this.clients.push(client);
    return client;
  }

  async readyClient<Client extends AppClient>(client: Client): Promise<Client> {
    this.client(client);
    await until(
      () => client.status === 'ready',
      () => 'the client of the test',
    );
    return client;
  }

  async end(): Promise<void> {
    await Promise.all(this.apps.splice(0).map((app) => app.close()));
    for (const client of this.clients.splice(0)) client.disconnect();
    await Promise.all(this.servers.splice(0).map((each) => each.stop()));
  }
}
