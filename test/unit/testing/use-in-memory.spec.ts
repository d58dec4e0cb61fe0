import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  DiagnosticsService,
  PUB_SUB,
  REDIS_PUBLISHER_CLIENT,
  REDIS_SUBSCRIBER_CLIENT,
  RedisPropagatorModule,
  RedisService,
  type RedisPropagatorOptions,
} from '../../../src/index.js';
import { InMemoryBus, InMemoryPubSub, useInMemory } from '../../../src/testing/index.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

@Injectable()
class PricesService {
  constructor(readonly redis: RedisService) {}
}

/** An app whose Redis does not exist in the test: connecting to it would make the test time out. */
@Module({
  imports: [
    RedisPropagatorModule.forRootAsync({
      useFactory: (): RedisPropagatorOptions => ({
        redis: { host: 'redis.invalid', port: 1 },
        connectTimeoutMs: 600_000,
        prefix: 'app',
        auth: { authenticate: () => null, required: true },
        limits: { eventsPerSecond: 7 },
      }),
    }),
  ],
  providers: [PricesService],
})
class AppModule {}

describe('useInMemory', () => {
  const closing: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((module) => module.close()));
  });

  const start = async (options: Parameters<typeof useInMemory>[1] = {}) => {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const logger = new MemoryLogger();
    const module = await useInMemory(builder, { logger, ...options }).compile();
    await module.init();
    closing.push(module);
    return module;
  };

  it('gives the app under test an in-memory transport that is ready at once', async () => {
    const module = await start();
    expect(module.get(PUB_SUB)).toBeInstanceOf(InMemoryPubSub);
    expect(module.get(RedisService).state).toBe('ready');
    expect(module.get(REDIS_PUBLISHER_CLIENT)).toBeNull();
    expect(module.get(REDIS_SUBSCRIBER_CLIENT)).toBeNull();
  });

  it('joins apps with the same bus to one cluster, and keeps others apart', async () => {
    const bus = new InMemoryBus();
    const [a, b, stranger] = [await start({ bus }), await start({ bus }), await start()];
    const received: unknown[] = [];
    const overheard: unknown[] = [];
    b.get(PricesService)
      .redis.fromEvent('prices')
      .subscribe((price) => received.push(price));
    stranger
      .get(PricesService)
      .redis.fromEvent('prices')
      .subscribe((price) => overheard.push(price));

    expect(await a.get(PricesService).redis.publish('prices', 1)).toBe(1);
    expect(await stranger.get(PricesService).redis.publish('prices', 2)).toBe(1);
    await until(
      () => received.length + overheard.length === 2,
      () => 'two prices',
    );
    expect([received, overheard]).toEqual([[1], [2]]);
  });

  it('uses the given options in place of those of the app', async () => {
    await expect(start({ prefix: 'a/b' })).rejects.toThrow('Option "prefix"');
    await expect(start({ prfix: 'a' } as never)).rejects.toThrow('Option "prfix" does not exist');
  });

  it('keeps the other options of the app, and those given as undefined', async () => {
    const module = await start({ auth: undefined, prefix: 'test' });
    expect(module.get(DiagnosticsService).diagnostics()).toMatchObject({
      options: {
        transport: 'pubSub: InMemoryPubSub',
        prefix: 'test',
        auth: { required: true },
        limits: { eventsPerSecond: 7 },
      },
    });
  });

  it('refuses wrong options of the app, except those for Redis', async () => {
    const builder = Test.createTestingModule({
      imports: [RedisPropagatorModule.forRoot({ redis: 'nonsense', prefix: 'a b' })],
    });
    await expect(useInMemory(builder).compile()).rejects.toThrow('Option "prefix"');
  });

  class Options implements RedisPropagatorOptions {
    get redis() {
      return { host: 'redis.invalid', port: 1 };
    }
    get auth() {
      return { authenticate: () => null, required: true };
    }
  }

  it.each<[string, () => RedisPropagatorOptions]>([
    ['that are frozen', () => Object.freeze({ redis: 'redis://redis.invalid' })],
    ['with getters', () => new Options()],
  ])('accepts options of the app %s', async (_, useFactory) => {
    const builder = Test.createTestingModule({
      imports: [RedisPropagatorModule.forRootAsync({ useFactory })],
    });
    const logger = new MemoryLogger();
    const module = await useInMemory(builder, { logger }).compile();
    await module.init();
    closing.push(module);
    expect(module.get(PUB_SUB)).toBeInstanceOf(InMemoryPubSub);
  });
});
