import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import {
  PresenceService,
  REDIS_PUBLISHER_CLIENT,
  type PresenceChange,
  type PubSubState,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { PlainGateway } from '../plain-gateway.js';
import { PresenceLog } from '../presence-log.js';
import { givenCluster, type TestCluster } from '../test-cluster.js';
import type { TestClient } from '../test-client.js';
import type { TestInstance } from '../test-instance.js';
import { until } from '../until.js';

const FENCE = 'fence-';

/** Instances of an app and their presence reports. */
export class PresenceCluster {
  readonly log: PresenceLog;

  private constructor(readonly cluster: TestCluster) {
    this.log = new PresenceLog(...cluster.instances.map(presenceOf));
  }

  static async start(
    where: 'Redis' | 'memory',
    size: number,
    options: RedisPropagatorOptions | ((instance: number) => RedisPropagatorOptions) = {},
  ): Promise<PresenceCluster> {
    const builder = givenCluster().of(size).with(PlainGateway).configured(options);
    if (where === 'memory') builder.onInMemoryPubSub();
    return new PresenceCluster(await builder.start());
  }

  /** Uses instances that the test has started itself. */
  static of(cluster: TestCluster): PresenceCluster {
    return new PresenceCluster(cluster);
  }

  service(instance: number): PresenceService {
    return presenceOf(this.cluster.instance(instance));
  }

  connect(instance: number, token: string, namespace = ''): Promise<TestClient> {
    return this.cluster.instance(instance).connect({ token, namespace });
  }

  /** The reports in short form, such as `online alice`, in order. */
  get lines(): string[] {
    return this.log.lines.filter((line) => !line.includes(FENCE));
  }

  async reports(...lines: string[]): Promise<void> {
    await until(
      () => this.lines.length >= lines.length,
      () => `${lines.join(', ')}; got ${this.lines.join(', ')}`,
    );
  }

  changesOf(userId: string): PresenceChange[] {
    return this.log.changes.filter((change) => change.userId === userId);
  }

  /** The types of a user's reports, such as `online`, `offline`. */
  typesOf(userId: string): string[] {
    return this.changesOf(userId).map(({ type }) => type);
  }

  /** Waits until this many changes of a user have been reported. */
  async reportsOf(userId: string, ...types: string[]): Promise<void> {
    await until(
      () => this.typesOf(userId).length >= types.length,
      () => `${types.join(', ')} of ${userId}, got ${this.typesOf(userId).join(', ')}`,
    );
  }

  /**
   * Waits until everything that began earlier has been reported, including the end of grace periods: a marker user
   * connects to and leaves each instance, and its reports come last.
   */
  async settled(): Promise<void> {
    const visits = this.cluster.instances.map(async (instance) => {
      const token = `${FENCE}${randomUUID()}`;
      const client = await instance.connect({ token });
      await this.until(`online ${token}`);
      client.close();
      await this.until(`offline ${token}`);
    });
    await Promise.all(visits);
  }

  /** Waits until Redis serves all instances, or none. */
  async everywhere(state: PubSubState): Promise<void> {
    await until(
      () => this.cluster.instances.every((instance) => instance.redis.state === state),
      () => `the state ${state} of all instances`,
    );
  }

  /**
   * Waits until all reports are acknowledged in Redis. Reports that a killed instance did not acknowledge are
   * repeated first.
   */
  async confirmed(): Promise<void> {
    const redis = this.cluster.instance(0).app.get<Redis>(REDIS_PUBLISHER_CLIENT);
    await until(
      async () => (await redis.keys(`${this.cluster.prefix}:presence:*:reports`)).length === 0,
      () => 'all reports to be confirmed',
    );
  }

  async isOnline(userId: string, whether: boolean, instance = 0): Promise<void> {
    await until(
      async () => (await this.service(instance).isOnline(userId)) === whether,
      () => `${userId} to be ${whether ? 'online' : 'offline'} for instance ${instance}`,
    );
  }

  async close(): Promise<void> {
    this.log.close();
    await this.cluster.close();
  }

  private async until(line: string): Promise<void> {
    await until(
      () => this.log.lines.includes(line),
      () => `${line}; got ${this.log.lines.join(', ')}`,
    );
  }
}

export function presenceOf({ app }: TestInstance): PresenceService {
  return app.get(PresenceService);
}
