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
import { randomUUID } from 'node:crypto';
import { FENCE, TestClient, type ConnectOptions } from './test-client.js';

/** The error that a refused client gets. */
export interface Refusal {
  message: string;
  data: unknown;
}

/** One instance of an app under test: a real Nest app that listens on its own port. */
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

  /** The number of drops and refusals by kind, without those that depend on how busy the machine is. */
  get counts(): Record<string, number> {
    const {
      'heartbeat.failed': _,
      'presence.failed': __,
      'connection.deaf': ___,
      'connection.given-up': ____,
      'subscribe.delayed': _____,
      ...counts
    } = this.allCounts;
    return counts;
  }

  get allCounts(): Record<string, number> {
    return this.app.get<Runtime>(RUNTIME).reporter.counts();
  }

  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const client = await TestClient.connect(this.url, options);
    this.clients.push(client);
    return client;
  }

  /** Like {@link connect}, for a client that the server has to refuse. Resolves to the refusal. */
  async refusal(options: ConnectOptions = {}): Promise<Refusal> {
    const client = TestClient.open(this.url, options);
    this.clients.push(client);
    try {
      await client.connected();
    } catch (error) {
      const { message, data } = error as Refusal;
      return { message, data };
    } finally {
      client.close();
    }
    throw new Error('the client was let in');
  }

  /**
   * Waits until everything that this instance sent before has arrived at these clients of its own, with or without
   * Redis.
   */
  async served(...clients: TestClient[]): Promise<void> {
    const fence = randomUUID();
    for (const namespace of new Set(clients.map((client) => client.namespace))) {
      this.propagator
        .emitToAll({ namespace, event: FENCE, data: fence })
        .catch(() => 'other instances are not asked');
    }
    await Promise.all(clients.map((client) => client.waitForFence(fence)));
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.close();
    await this.app.close();
  }
}
