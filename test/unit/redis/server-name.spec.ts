import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { RedisClient } from '../../../src/options/redis-options.js';
import { ServerName } from '../../../src/redis/server-name.js';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { until } from '../../support/until.js';
import { watchedPubSub } from '../../support/watched-pub-sub.js';

describe('the name of the server of the publishing connection', () => {
  let servers: RunningRedis[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()));
  });

  it('is the same for all instances, and another one after a restart', async () => {
    const server = await startOwnRedis();
    servers.push(server);
    const [a, b] = [watchedPubSub({ redis: server.url }), watchedPubSub({ redis: server.url })];
    const nameOf = async ({ pubSub }: typeof a): Promise<string> => {
      await until(
        () => pubSub.serverOf('any') !== undefined,
        () => 'the name of the server',
      );
      return pubSub.serverOf('any') as string;
    };
    for (const each of [a, b]) await each.pubSub.connect();
    const [name, other, lane] = [await nameOf(a), await nameOf(b), a.pubSub.laneOf('any')];
    expect(name).toMatch(/^[0-9a-f]{40}$/);
    expect(other).toBe(name);

    await server.kill();
    // The connections are lost one after the other.
    await until(
      () => a.pubSub.serverOf('any') === undefined,
      () => 'the name to be forgotten',
    );
    servers = [await startOwnRedis([], { port: server.port })];
    await a.reaches('ready');
    const after = await nameOf(a);
    expect(after).toMatch(/^[0-9a-f]{40}$/);
    expect(after).not.toBe(name);
    expect(a.pubSub.laneOf('any')).not.toBe(lane);
    for (const each of [a, b]) await each.pubSub.close();
  });

  it.each([
    ['is forbidden', () => Promise.reject(new Error('NOPERM'))],
    ['says nothing', () => Promise.resolve('# Server')],
    ['does not exist', undefined],
  ])('is the address where INFO %s', async (_, info) => {
    const stream = { remoteAddress: '10.0.0.1', remotePort: 6379 };
    const server = new ServerName({ stream, info } as unknown as RedisClient);
    server.opened();
    await Promise.resolve();
    await Promise.resolve();
    expect(server.name).toBe('10.0.0.1:6379');
    server.closed();
    expect(server.name).toBeUndefined();
  });

  it('is not that of an earlier connection', async () => {
    const replies: ((reply: string) => void)[] = [];
    const info = (): Promise<string> => new Promise((resolve) => replies.push(resolve));
    const server = new ServerName({ info } as unknown as Redis as unknown as RedisClient);
    server.opened();
    server.closed();
    server.opened();
    replies[1]?.('run_id:second');
    replies[0]?.('run_id:first');
    await Promise.resolve();
    await Promise.resolve();
    expect(server.name).toBe('second');
  });
});
