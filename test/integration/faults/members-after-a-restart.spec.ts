import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { Redis } from 'ioredis';
import { ClusterService, RedisService, type RedisPropagatorOptions } from '../../../src/index.js';
import { OwnRedisApps } from '../../support/own-redis-apps.js';
import { until } from '../../support/until.js';

const INSTANCES = 24;
/** Commands of each instance: up to 8 were seen. With a message of each to each other one there would be 23. */
const SOME = 12;
/** No beat but those that news cause. */
const CALM: RedisPropagatorOptions = {
  heartbeatIntervalMs: 60_000,
  memberTimeoutMs: 120_000,
  presence: false,
  repair: false,
};
const RECORDS = 'propagator:members:{records}:records';

const members = (app: INestApplicationContext) => app.get(ClusterService).members().length;
/** How often each command was called. */
const calls = async (admin: Redis): Promise<Record<string, number>> => {
  const lines = (await admin.info('commandstats')).matchAll(/cmdstat_([\w|]+):calls=(\d+)/g);
  return Object.fromEntries([...lines].map(([, name, count]) => [name, Number(count)]));
};
const scripts = ({ evalsha = 0, eval: text = 0 }: Record<string, number>) => evalsha + text;

describe('many instances', () => {
  let own: OwnRedisApps;
  let apps: INestApplicationContext[];
  beforeEach(() => {
    own = new OwnRedisApps();
  });
  afterEach(() => own.end());

  const allKnowAll = (): Promise<void> =>
    until(
      () => apps.every((app) => members(app) === INSTANCES),
      () => `all to know all, they know ${apps.map(members).join()}`,
    );
  it('that start at once, and whose Redis is restarted without its data, need some commands each, and lose nobody', async () => {
    const redis = await own.server();
    const admin = await own.readyClient(new Redis(redis.url));
    apps = await Promise.all(
      Array.from({ length: INSTANCES }, () => own.app({ redis: redis.url, ...CALM })),
    );
    await allKnowAll();
    const atStart = await calls(admin);
    expect(scripts(atStart)).toBeLessThan(SOME * INSTANCES);
    expect(atStart['publish'] ?? 0).toBeLessThan(SOME * INSTANCES);

    const changes: string[] = [];
    for (const app of apps) {
      app.get(ClusterService).changes$.subscribe(({ type, member }) => {
        changes.push(`${type} ${member.instanceId}`);
      });
    }
    await redis.kill();
    await until(
      () => apps.every((app) => app.get(RedisService).state === 'degraded'),
      () => 'all to notice',
    );
    await redis.restart();
    const again = await own.readyClient(new Redis(redis.url));
    await until(
      async () =>
        apps.every((app) => app.get(RedisService).state === 'ready') &&
        (await again.hlen(RECORDS)) === INSTANCES,
      () => 'all records to be there again',
    );
    await allKnowAll();
    expect(changes).toEqual([]);
    const since = await calls(again);
    expect(scripts(since)).toBeLessThan(SOME * INSTANCES);
    expect(since['publish'] ?? 0).toBeLessThan(SOME * INSTANCES);
  });
});
