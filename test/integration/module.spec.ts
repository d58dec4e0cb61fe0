import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  RedisPropagatorModule,
  RedisPropagatorService,
  RedisService,
  SocketStateAdapter,
  SocketStateService,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { testRedisUrl } from '../support/test-cluster.js';
import type { DynamicModule, INestApplicationContext } from '@nestjs/common';

const prefix = `test-${randomUUID()}`;
const logger = new MemoryLogger();

@Injectable()
class Configuration {
  createRedisPropagatorOptions(): RedisPropagatorOptions {
    return { redis: testRedisUrl(), prefix, logger };
  }
}

@Module({ providers: [Configuration], exports: [Configuration] })
class ConfigurationModule {}

@Injectable()
class OrdersService {
  constructor(
    readonly propagator: RedisPropagatorService,
    readonly redis: RedisService,
    readonly state: SocketStateService,
  ) {}
}

@Module({ providers: [OrdersService], exports: [OrdersService] })
class FeatureModule {}

function notGlobal(): DynamicModule {
  return RedisPropagatorModule.forRoot({
    redis: testRedisUrl(),
    prefix,
    logger,
    isGlobal: false,
  });
}

describe('RedisPropagatorModule', () => {
  let app: INestApplicationContext | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  const start = async (...imports: (DynamicModule | (new () => object))[]) => {
    class AppModule {}
    app = await NestFactory.createApplicationContext(
      { module: AppModule, imports },
      { logger: false, abortOnError: false },
    );
    return app;
  };

  it.each<[how: string, imported: () => DynamicModule]>([
    ['forRoot', () => RedisPropagatorModule.forRoot({ redis: testRedisUrl(), prefix, logger })],
    [
      'forRoot with options of ioredis',
      () => {
        const { hostname, port } = new URL(testRedisUrl());
        return RedisPropagatorModule.forRoot({
          redis: { host: hostname, port: Number(port) },
          prefix,
          logger,
        });
      },
    ],
    [
      'forRootAsync with a factory',
      () =>
        RedisPropagatorModule.forRootAsync({
          imports: [ConfigurationModule],
          inject: [Configuration],
          useFactory: async (configuration: Configuration) =>
            configuration.createRedisPropagatorOptions(),
        }),
    ],
    [
      'forRootAsync with a class',
      () => RedisPropagatorModule.forRootAsync({ useClass: Configuration }),
    ],
    [
      'forRootAsync with a provider there is',
      () =>
        RedisPropagatorModule.forRootAsync({
          imports: [ConfigurationModule],
          useExisting: Configuration,
        }),
    ],
  ])('is configured by %s, and its services can be injected everywhere', async (_how, imported) => {
    const context = await start(imported(), FeatureModule);
    const { propagator, redis, state } = context.get(OrdersService);

    expect(redis.state).toBe('ready');
    expect(state.socketCount).toBe(0);
    expect(await propagator.emitToUser({ userId: 'nobody', event: 'x' })).toEqual({
      localSockets: 0,
      remoteInstances: 0,
      reached: false,
    });
  });

  it('stays within the modules that import it where it is not global', async () => {
    await expect(start(notGlobal(), FeatureModule)).rejects.toThrow(/can't resolve dependencies/);

    class HereModule {}
    const context = await start({
      module: HereModule,
      imports: [notGlobal()],
      providers: [OrdersService],
    });
    expect(context.get(OrdersService, { strict: false }).redis.state).toBe('ready');
  });

  it.each<[option: RegExp, options: object]>([
    [/^Option "redis": got "http:\/\/localhost"\. Write a URL/, { redis: 'http://localhost' }],
    [/^Option "redis": .*:\*\*\*@/, { redis: 'http://user:hunter2@localhost' }],
    [/^Option "prefix": got "a b"\. Use letters/, { prefix: 'a b' }],
    [/^Option "prfix" does not exist\. Known options: redis, /, { prfix: 'x' }],
    [/^Option "auth\.authenticate": got undefined\. Write a function/, { auth: {} }],
    [/^Option "maxMessageBytes": got -1\. Write a whole number/, { maxMessageBytes: -1 }],
  ])(
    'does not start with a wrong option, and says which, what and what to do: %s',
    async (message, options) => {
      const starting = start(RedisPropagatorModule.forRoot(options));
      await expect(starting).rejects.toMatchObject({
        name: 'PropagatorError',
        message: expect.stringMatching(message),
      });
      await expect(starting).rejects.not.toMatchObject({
        message: expect.stringContaining('hunter2'),
      });
    },
  );

  it('is missed by SocketStateAdapter, which says so', async () => {
    const context = await start();
    expect(() => new SocketStateAdapter(context)).toThrow(
      expect.objectContaining({ code: 'module.missing' }),
    );
  });
});
