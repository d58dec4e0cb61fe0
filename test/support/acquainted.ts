import { ClusterService, type ClusterMember } from '../../src/index.js';
import type { TestCluster } from './test-cluster.js';
import type { TestInstance } from './test-instance.js';
import { until } from './until.js';

/** The other instances that an instance knows of. */
export function othersOf({ app }: TestInstance): ClusterMember[] {
  return app.get(ClusterService).members().slice(1);
}

export function instanceIdOf({ app }: TestInstance): string {
  return app.get(ClusterService).self.instanceId;
}

/** Until all instances know each other, and nobody else. */
export async function acquainted({ instances }: TestCluster): Promise<void> {
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
