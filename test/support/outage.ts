import type { Provider, Type } from '@nestjs/common';
import { quietPort } from '../../scripts/redis/topologies/ports.mjs';
import type { RedisPropagatorOptions } from '../../src/index.js';
import { startOwnRedis, type RunningRedis } from './own-redis.js';
import { givenCluster, type TestCluster } from './test-cluster.js';
import { until } from './until.js';

/** A cluster whose Redis goes down and comes back, on a port that nothing else takes meanwhile. */
export class Outage {
  private redis: RunningRedis | undefined;
  private started: TestCluster | undefined;

  private constructor(private readonly port: number) {}

  static async prepare(): Promise<Outage> {
    return new Outage(await quietPort());
  }

  get cluster(): TestCluster {
    if (this.started === undefined) throw new Error('the cluster has not started');
    return this.started;
  }

  async startRedis(): Promise<RunningRedis> {
    return (this.redis = await startOwnRedis([], { port: this.port }));
  }

  async startCluster(
    size: number,
    providers: Provider[],
    options: RedisPropagatorOptions = {},
    controllers: Type[] = [],
  ): Promise<TestCluster> {
    return (this.started = await givenCluster()
      .of(size)
      .with(...providers)
      .withControllers(...controllers)
      .onRedis(`redis://127.0.0.1:${this.port}`)
      .configured(options)
      .start());
  }

  /** Waits until all instances report this state of Redis. */
  everywhere(state: string): Promise<void> {
    return until(
      () => this.cluster.instances.every((instance) => instance.redis.state === state),
      () => `the state ${state} of all instances`,
    );
  }

  async end(): Promise<void> {
    await this.started?.close();
    await this.redis?.stop();
  }
}
