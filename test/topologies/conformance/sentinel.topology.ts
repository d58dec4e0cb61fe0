import { describe } from '@jest/globals';
import { startSentinel } from '../../../scripts/redis/topologies/sentinel.mjs';
import { redisPubSub } from '../../support/redis-pub-sub.js';
import { itConforms } from '../support/conforms.js';
import { started } from '../support/started.js';

const sentinel = started(startSentinel);

function create() {
  const { sentinels, name } = sentinel();
  return redisPubSub({ redis: { sentinels, name } }).pubSub;
}

describe('RedisPubSub behind Sentinels, as a PubSub,', () => {
  itConforms({ create });
});
