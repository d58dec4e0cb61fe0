import { describe, expect, it } from '@jest/globals';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';
import { startTwo } from './support/two-instances.js';

// Redis 6 does not know these commands. The test Redis is newer, and is made to forget them.
const config = ['ssubscribe', 'sunsubscribe', 'spublish']
  .map((command) => `rename-command ${command} ""\n`)
  .join('');
const cluster = started(() => startCluster({ ...serverBin(), config }));

describe('on a Cluster without sharded Pub/Sub', () => {
  it('an app does not start, and the error names the required version', async () => {
    const refused = startTwo({ redis: { nodes: cluster().nodes } });
    await expect(refused).rejects.toMatchObject({ code: 'redis.command-failed' });
    await expect(refused).rejects.toThrow(
      /SPUBLISH .*unknown command.*on a Cluster 7\.0 or newer/i,
    );
  });
});
