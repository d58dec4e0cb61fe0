import { describe, expect, it } from '@jest/globals';
import type { RedisClient } from '../../../src/index.js';
import { checkNotEnded, claimSubscriber } from '../../../src/redis/claimed-subscribers.js';

const client = (status = 'ready') => ({ status }) as RedisClient;
const lent = { publisher: client(), subscriber: client(), owned: false, cluster: false };

describe('a borrowed subscriber', () => {
  it('belongs to one app until that app releases it', () => {
    const release = claimSubscriber(lent);
    expect(() => claimSubscriber({ ...lent, publisher: client() })).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
    claimSubscriber({ ...lent, subscriber: client() })();
    release();
    claimSubscriber(lent)();
  });

  it.each([
    ['that the library made', { owned: true }],
    ['of a Cluster', { cluster: true }],
  ])('%s needs no claim', (_, kind) => {
    const clients = { ...lent, ...kind };
    claimSubscriber(clients);
    expect(() => claimSubscriber(clients)).not.toThrow();
  });

  it.each(['publisher', 'subscriber'])('or publisher that was ended is refused: %s', (role) => {
    checkNotEnded(lent);
    const ended = { ...lent, [role]: client('end') };
    expect(() => checkNotEnded(ended)).toThrow(`"redis.${role}"`);
    checkNotEnded({ ...ended, owned: true });
  });
});
