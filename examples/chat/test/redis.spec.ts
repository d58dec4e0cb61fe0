import { afterAll, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../../../test/support/own-redis.js';
import { givenChat } from './support/given-chat.js';

let redis: RunningRedis | undefined;
const given = givenChat(async () => {
  redis = await startOwnRedis();
  return { redisUrl: redis.url };
});
afterAll(() => redis?.stop());

it('says that Redis is down, and delivers the messages written meanwhile once it is back', async () => {
  const alice = await given.tab('alice', 'one');
  const bob = await given.tab('bob', 'two');
  await alice.say('calm 1');
  await bob.shows('calm 1');

  await redis?.kill();
  const banners = [alice, bob].map(({ page }) =>
    page.getByRole('alert').filter({ hasText: 'Redis is away' }),
  );
  for (const banner of banners) await banner.waitFor();
  await alice.say('storm 1');
  await alice.say('storm 2');
  // Each tab stays connected to its instance.
  await alice.connectedTo('one');

  await redis?.restart();
  for (const banner of banners) await banner.waitFor({ state: 'hidden' });
  await alice.showsExactly('storm', ['storm 1', 'storm 2']);
  await bob.showsExactly('storm', ['storm 1', 'storm 2']);
  expect(alice.connections).toBe(1);
});
