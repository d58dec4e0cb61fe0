import {
  ClusterService,
  type ClusterMember,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { PlainGateway } from './plain-gateway.js';
import { givenCluster, type TestCluster } from './test-cluster.js';
import type { TestInstance } from './test-instance.js';
import { until } from './until.js';

/** The ids of the other instances that an instance knows. */
export function othersOf({ app }: TestInstance): ClusterMember[] {
  return app.get(ClusterService).members().slice(1);
}

export function instanceIdOf({ app }: TestInstance): string {
  return app.get(ClusterService).self.instanceId;
}

/** Waits until each instance knows exactly the other instances. */
export async function untilMembersKnown({ instances }: TestCluster): Promise<void> {
  const ids = instances.map(instanceIdOf).sort();
  for (const instance of instances) {
    const { cluster } = { cluster: instance.app.get(ClusterService) };
    const known = (): string[] => cluster.members().map(({ instanceId }) => instanceId);
    await until(
      () => known().sort().join() === ids.join(),
      () => `the members ${ids.join()}, got ${known().join()}`,
    );
  }
}

const A_MINUTE_MS = 60_000;

/** Starts two instances that know each other. Requests have a minute, so a test that waits for the deadline fails. */
export async function startPair(options: RedisPropagatorOptions = {}): Promise<TestCluster> {
  const cluster = await givenCluster()
    .of(2)
    .with(PlainGateway)
    .configured({ requestTimeoutMs: A_MINUTE_MS, ackTimeoutMs: A_MINUTE_MS, ...options })
    .start();
  await untilMembersKnown(cluster);
  return cluster;
}
