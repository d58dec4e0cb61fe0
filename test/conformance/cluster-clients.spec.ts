import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startCluster, type RunningCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { pubSubConformance } from '../../src/testing/index.js';
import { redisPubSub } from '../support/redis-pub-sub.js';
import { until } from '../support/until.js';

// The smallest one; test/topologies has Clusters that lose a master.
let cluster: RunningCluster;

beforeAll(async () => {
  const bin = process.env['TEST_REDIS_SERVER_BIN'];
  cluster = await startCluster({ replicas: false, ...(bin ? { bin } : {}) });
});
afterAll(async () => {
  await cluster.stop();
});

function create() {
  return redisPubSub({ redis: { nodes: cluster.nodes } }).pubSub;
}

/** On a busy machine the nodes may take one another for failed: the commands of that moment are refused. */
const untilReachable = (run: () => Promise<void>): Promise<void> =>
  until(
    async () => (await run()) === undefined,
    () => 'a Cluster whose nodes can be reached',
  );

describe('RedisPubSub with clients made of the nodes of a Cluster, as a PubSub,', () => {
  for (const { title, run } of pubSubConformance({ create })) {
    it(`conforms: ${title}`, async () => {
      await expect(untilReachable(run)).resolves.toBeUndefined();
    });
  }
});
