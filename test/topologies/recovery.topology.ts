import { afterEach, describe, expect, it } from '@jest/globals';
import { startCluster } from '../../scripts/redis/topologies/cluster.mjs';
import { startSentinel } from '../../scripts/redis/topologies/sentinel.mjs';
import { MovingClients, nothingMissed } from '../recovery/support/moving-clients.js';
import { serverBin } from './support/server-bin.js';
import { started } from './support/started.js';

const redisCluster = started(() => startCluster(serverBin()));
const sentinel = started(startSentinel);
const MOVES = { clients: 6, rounds: 4, awayMs: 300, lateRoom: 'later' };

describe('clients that come back to the other instance miss nothing', () => {
  let stage: MovingClients | undefined;
  afterEach(() => stage?.close());

  it('on a Cluster', async () => {
    stage = await MovingClients.start({ redis: { nodes: redisCluster().nodes } });
    const judgement = await stage.play(MOVES);
    expect(judgement).toEqual(nothingMissed(judgement, MOVES));
  });

  it('behind Sentinels', async () => {
    const { sentinels, name } = sentinel();
    stage = await MovingClients.start({ redis: { sentinels, name } });
    const judgement = await stage.play(MOVES);
    expect(judgement).toEqual(nothingMissed(judgement, MOVES));
  });
});
