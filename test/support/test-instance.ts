import type { INestApplication } from '@nestjs/common';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import {
  RedisPropagatorService,
  RedisService,
  SocketStateService,
  type PubSub,
  PUB_SUB,
} from '../../src/index.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { TestClient, type ConnectOptions } from './test-client.js';

/** One instance of an app under test: a real Nest app that listens on a port of its own. */
export class TestInstance {
  readonly clients: TestClient[] = [];

  constructor(readonly app: INestApplication) {}

  get url(): string {
    const { port } = (this.app.getHttpServer() as Server).address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  get propagator(): RedisPropagatorService {
    return this.app.get(RedisPropagatorService);
  }

  get redis(): RedisService {
    return this.app.get(RedisService);
  }

  get state(): SocketStateService {
    return this.app.get(SocketStateService);
  }

  get pubSub(): PubSub {
    return this.app.get(PUB_SUB);
  }

  /** How often each kind of thing was dropped or refused. */
  get counts(): Record<string, number> {
    return this.app.get<Runtime>(RUNTIME).reporter.counts();
  }

  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const client = await TestClient.connect(this.url, options);
    this.clients.push(client);
    return client;
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.app.close();
  }
}
