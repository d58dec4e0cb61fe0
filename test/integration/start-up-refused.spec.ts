import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { RedisPropagatorModule, type RedisConnection } from '../../src/index.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { ExternalClient } from '../support/external-client.js';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';
import { until } from '../support/until.js';

class AppModule {}

function start(connection: RedisConnection) {
  const options = { redis: connection, prefix: 'my-app', logger: new MemoryLogger() };
  return NestFactory.createApplicationContext(
    { module: AppModule, imports: [RedisPropagatorModule.forRoot(options)] },
    { logger: false, abortOnError: false },
  );
}

describe('an app whose Redis refuses its commands or channels', () => {
  let redis: RunningRedis;
  let operator: Redis;

  beforeEach(async () => {
    redis = await startOwnRedis();
    operator = new Redis(redis.url);
  });
  afterEach(async () => {
    operator.disconnect();
    await redis.stop();
  });

  const startAs = async (rules: string[], password = 'secret') => {
    await operator.call('ACL', 'SETUSER', 'app', 'on', '>secret', ...rules);
    return start({ host: redis.host, port: redis.port, username: 'app', password });
  };
  const connections = async () => {
    const list = String(await operator.client('LIST'));
    return list.split('\n').filter((line) => line.includes('user=app')).length;
  };

  it.each(['publish', 'subscribe', 'unsubscribe'])(
    'because +%s is missing does not start, says so, and leaves nothing open',
    async (command) => {
      const refused = startAs(['+@all', '&*', `-${command}`]);
      await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
      await expect(refused).rejects.toThrow(
        `Grant the ACL user what is missing: +${command} and the channels &my-app:*.`,
      );
      await until(
        async () => (await connections()) === 0,
        () => 'its connections to be closed',
      );
    },
  );

  it('because its channels are missing does not start, and names them', async () => {
    const refused = startAs(['+@all', 'resetchannels', '&other-app:*']);
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow('the channels &my-app:*');
  });

  it('because of its password does not start, and does not reveal the password', async () => {
    const refused = startAs(['+@all', '&*'], 'wrong-hunter2');
    await expect(refused).rejects.toMatchObject({ code: 'redis.permission' });
    await expect(refused).rejects.toThrow(/refused AUTH \(WRONGPASS.*option "redis"/);
    await expect(refused).rejects.not.toThrow('hunter2');
    await until(
      async () => (await connections()) === 0,
      () => 'its connections to be closed',
    );
  });

  it('checks its permissions without any other instance noticing', async () => {
    const external = new ExternalClient(redis.url);
    const heard: string[] = [];
    await external.redis.psubscribe('*');
    external.redis.on('pmessageBuffer', (_: Buffer, channel: Buffer, message: Buffer) => {
      // Instances say hello; a permission check is empty.
      if (message.length === 0) heard.push(channel.toString());
    });
    const app = await startAs(['+@all', '&*', '~my-app:*']);
    await app.close();
    await operator.publish('fence', '');
    await until(
      () => heard.includes('fence'),
      () => 'the fence',
    );
    // Only a client that listens to every channel receives it, before and after the short subscription of the
    // instance.
    const [forEvents, forControl] = [/^my-app:reply:\w{16}:probe$/, /:probe:control$/];
    // Both connections are checked at the same time.
    expect([...heard.slice(0, 4).toSorted(), ...heard.slice(4)]).toEqual([
      expect.stringMatching(forEvents),
      expect.stringMatching(forEvents),
      expect.stringMatching(forControl),
      expect.stringMatching(forControl),
      // A node of a Cluster would refuse most of them, and not be taken for a single Redis.
      ...Array.from({ length: 16 }, () =>
        expect.stringMatching(/^my-app:presence:\{b\w+\}:probe$/),
      ),
      'fence',
    ]);
    external.close();
  });
});

it('an app with a URL in another option than "url" does not reveal its password', async () => {
  const logger = new MemoryLogger();
  const options = {
    redis: { path: 'rediss://:hunter2@redis.test' },
    logger,
    connectTimeoutMs: 500,
  };
  const starting = NestFactory.createApplicationContext(
    { module: AppModule, imports: [RedisPropagatorModule.forRoot(options)] },
    { logger: false, abortOnError: false },
  );
  const refusal = await starting.then(
    (app) => app.close(),
    (error: unknown) => String(error),
  );
  const said = [refusal, ...logger.lines].join('\n');
  expect(said).toContain('rediss://:***@redis.test');
  expect(said).not.toContain('hunter2');
});
