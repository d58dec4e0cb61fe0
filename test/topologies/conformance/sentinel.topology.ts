import { describe, it } from '@jest/globals';
import { startSentinel } from '../../../scripts/redis/topologies/sentinel.mjs';
import { pubSubConformance } from '../../../src/testing/index.js';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { started } from '../support/started.js';

const sentinel = started(startSentinel);

describe('RedisPubSub behind Sentinels, as a PubSub,', () => {
  const create = () => {
    const { sentinels, name } = sentinel();
    return redisPubSub({ redis: { sentinels, name } }).pubSub;
  };
  for (const { title, run } of pubSubConformance({ create })) it(title, run);
});
