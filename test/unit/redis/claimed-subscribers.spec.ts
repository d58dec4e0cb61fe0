import { describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import { checkNotEnded, claimSubscribers } from '../../../src/redis/claimed-subscribers.js';

const client = (status = 'ready') => ({ status }) as RedisClient;
const lent = {
  publisher: client(),
  subscriber: client(),
  control: client(),
  owned: false,
  ownsControl: false,
  cluster: false,
};

describe('a borrowed subscriber', () => {
  it.each(['subscriber', 'control'] as const)(
    'belongs to one app until that app releases it: %s',
    (role) => {
      const release = claimSubscribers(lent);
      const others = { ...lent, subscriber: client(), control: client(), [role]: lent[role] };
      expect(() => claimSubscribers(others)).toThrow(`"redis.${role}"`);
      claimSubscribers({ ...others, [role]: client() })();
      release();
      claimSubscribers(lent)();
    },
  );

  it.each([
    ['that the library made', { owned: true }],
    ['of a Cluster', { cluster: true }],
  ])('%s needs no claim', (_, kind) => {
    const clients = { ...lent, ...kind };
    claimSubscribers(clients);
    expect(() => claimSubscribers(clients)).not.toThrow();
  });

  it.each(['publisher', 'subscriber', 'control'])(
    'or publisher that was ended is refused: %s',
    (role) => {
      checkNotEnded(lent);
      const ended = { ...lent, [role]: client('end') };
      expect(() => checkNotEnded(ended)).toThrow(`"redis.${role}"`);
      checkNotEnded({ ...ended, owned: true });
    },
  );
});
