import { describe, expect, it } from '@jest/globals';
import { startRedis } from '../../../scripts/redis/server.mjs';
import { startCluster } from '../../../scripts/redis/topologies/cluster.mjs';
import { findValkey } from '../../../scripts/redis/topologies/valkey.mjs';
import { pubSubConformance } from '../../../src/testing/index.js';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { started } from '../support/started.js';

interface Valkey {
  readonly url: string;
  readonly nodes: { host: string; port: number }[];
  stop(): Promise<void>;
}

/** One of each kind, or none and the reason. */
async function startBoth(): Promise<Valkey | { reason: string; stop(): Promise<void> }> {
  const found = await findValkey();
  if (found.server === null) return { reason: found.reason, stop: async () => {} };
  const bin = found.server;
  const [single, cluster] = [await startRedis({ bin }), await startCluster({ bin })];
  return {
    url: single.url,
    nodes: cluster.nodes,
    stop: async () => {
      await Promise.all([single.stop(), cluster.stop()]);
    },
  };
}

const valkey = started(startBoth);

describe.each([
  ['a single Valkey', ({ url }: Valkey) => url],
  ['a Cluster of Valkey', ({ nodes }: Valkey) => ({ nodes })],
])('RedisPubSub on %s, as a PubSub,', (_, where) => {
  const create = () => redisPubSub({ redis: where(valkey() as Valkey) }).pubSub;
  for (const { title, run } of pubSubConformance({ create })) {
    it(`conforms: ${title}`, async () => {
      const running = valkey();
      // Not every machine can install one; those of the CI can.
      if ('reason' in running) console.warn(`Not tested, there is no Valkey: ${running.reason}`);
      const outcome = 'reason' in running ? Promise.resolve() : run();
      await expect(outcome).resolves.toBeUndefined();
    });
  }
});
