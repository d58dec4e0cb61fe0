import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import {
  PresenceService,
  RedisPropagatorService,
  RedisService,
  type RedisConnection,
} from '../../src/index.js';
import { reopenOnRefusedDatabase } from '../../src/redis/database.js';
import type { MemoryLogger } from '../support/memory-logger.js';
import { OwnRedisApps } from '../support/own-redis-apps.js';
import type { RunningRedis } from '../support/own-redis.js';
import { PATIENCE_MS, until } from '../support/until.js';

describe('the database in the option redis', () => {
  let given: OwnRedisApps;
  let redis: RunningRedis;
  let operator: Redis;
  let logger: MemoryLogger;

  beforeEach(async () => {
    given = new OwnRedisApps();
    ({ logger } = given);
    redis = await given.server();
    operator = given.client(new Redis(redis.url, { lazyConnect: true, retryStrategy: () => 50 }));
  });
  afterEach(() => given.end());

  const start = (connection: RedisConnection, connectTimeoutMs = PATIENCE_MS) =>
    given.app({ redis: connection, connectTimeoutMs });
  const ours = async () =>
    String(await operator.client('LIST'))
      .split('\n')
      .filter((line) => line.includes('nestjs-redis-propagator')).length;

  it.each<[where: string, connection: (running: RunningRedis) => RedisConnection]>([
    ['path of the URL', ({ url }) => `${url}/99`],
    ['query of the URL', ({ url }) => `${url}?db=99`],
    ['options', ({ host, port }) => ({ host, port, db: 99 })],
    [
      'options, without a ready check',
      ({ host, port }) => ({ host, port, db: 99, enableReadyCheck: false }),
    ],
  ])(
    'stops the start if Redis has no database with this number: %s',
    async (_where, connection) => {
      await operator.connect();
      const refused = start(connection(redis));
      await expect(refused).rejects.toMatchObject({ code: 'redis.database' });
      await expect(refused).rejects.toThrow(
        'Redis refused database 99 (ERR DB index is out of range). Write one that it has in the option "redis"',
      );
      expect(logger.matching(/^log /)).toEqual([]);
      await until(
        async () => (await ours()) === 0,
        () => 'its connections to be closed',
      );
    },
  );

  it('is never replaced by another one, and the log names it, if Redis comes after the start', async () => {
    await redis.kill();
    const app = await start(`${redis.url}/99`, 1);
    await redis.restart();
    await operator.connect();
    const attempts = async () =>
      Number(/total_connections_received:(\d+)/.exec(await operator.info('stats'))?.[1]);
    const before = await attempts();

    const outcomes: string[] = [];
    const emit = () =>
      app.get(RedisPropagatorService).emitToAll({ event: 'x', publish: 'fail-fast' });
    // At each moment of an attempt, also between the handshake and the refusal.
    const emitting = setInterval(() => {
      emit().then(
        (receipt) => outcomes.push(JSON.stringify(receipt)),
        ({ code }: { code: string }) => outcomes.push(code),
      );
    }, 0);
    await until(
      async () => (await attempts()) > before + 30,
      () => 'several attempts',
    );
    clearInterval(emitting);

    expect(app.get(RedisService).state).toBe('degraded');
    expect(logger.matching(/Connected|is back/)).toEqual([]);
    // At most one line in a second.
    expect(logger.matching(/^warn redis\.database: Redis refused database 99/)).not.toEqual([]);
    expect(new Set(outcomes)).toEqual(new Set(['redis.unavailable']));
    expect(await operator.dbsize()).toBe(0);
  });

  it('is used if it exists', async () => {
    await operator.connect();
    const app = await start(`${redis.url}/3`);
    expect(app.get(RedisService).state).toBe('ready');
    await app
      .get(PresenceService)
      .setStatus('nobody', 'away')
      .catch(() => undefined);
    await operator.select(3);
    expect(await operator.dbsize()).toBeGreaterThan(0);
    await operator.select(0);
    expect(await operator.dbsize()).toBe(0);
  });

  it.each([
    ['5', Redis5 as unknown as typeof Redis],
    ['6', Redis],
  ])(
    'keeps a client of ioredis %s from becoming ready with another one',
    async (_version, Client) => {
      const client = new Client({
        host: redis.host,
        port: redis.port,
        db: 99,
        retryStrategy: () => 5,
        disconnectTimeout: 1,
      });
      const events: string[] = [];
      reopenOnRefusedDatabase(client);
      for (const event of ['ready', 'error']) client.on(event, () => events.push(event));
      await until(
        () => events.length >= 3,
        () => 'three attempts',
      );
      client.disconnect();
      expect(new Set(events)).toEqual(new Set(['error']));
    },
  );
});
