import { randomUUID } from 'node:crypto';
import { describe, expect } from '@jest/globals';
import { Cluster as Cluster6 } from 'ioredis';
import { Cluster as Cluster5 } from 'ioredis-v5';
import { startCluster } from '../../../scripts/redis/topologies/cluster.mjs';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { BorrowedClusterClients, type AppCluster } from '../support/borrowed-cluster-clients.js';
import { quietParser } from '../support/quiet-parser.js';
import { serverBin } from '../support/server-bin.js';
import { itConforms } from '../support/conforms.js';
import { started } from '../support/started.js';

const cluster = started(() => startCluster(serverBin()));

/** One node is enough to find the others. */
function createOwned() {
  return redisPubSub({ redis: { nodes: cluster().nodes.slice(2, 3) } }).pubSub;
}

describe('RedisPubSub on a Cluster, as a PubSub,', () => {
  itConforms({ create: createOwned });
});

describe.each([
  ['ioredis 6', () => new Cluster6(cluster().nodes) as unknown as AppCluster],
  ['ioredis 5', () => new Cluster5(cluster().nodes) as unknown as AppCluster],
])('RedisPubSub with borrowed Cluster clients of %s, as a PubSub,', (_, createClient) => {
  quietParser();
  const borrowedClients: BorrowedClusterClients[] = [];

  const create = async () => {
    const borrowed = await BorrowedClusterClients.of(createClient, `app:${randomUUID()}`);
    borrowedClients.push(borrowed);
    return redisPubSub({ redis: borrowed.clients }).pubSub;
  };

  const cleanUp = async () => {
    try {
      expect(borrowedClients.length).toBeGreaterThan(0);
      for (const borrowed of borrowedClients) await borrowed.expectGivenBack(cluster());
    } finally {
      await Promise.all(borrowedClients.splice(0).map((borrowed) => borrowed.quit()));
    }
  };

  // Afterwards the clients are unchanged.
  itConforms({ create, cleanUp });
});
