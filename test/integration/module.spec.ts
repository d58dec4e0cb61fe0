import { Injectable, Logger, Module } from '@nestjs/common';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import {
  PUB_SUB,
  RedisPropagatorModule,
  RedisPropagatorService,
  RedisService,
  SocketStateAdapter,
  SocketStateService,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { InMemoryPubSub } from '../../src/testing/index.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { TOKEN_IS_USER, testRedisUrl } from '../support/test-cluster.js';
import { until } from '../support/until.js';
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

function inMemory(options: RedisPropagatorOptions = {}, isGlobal = true): DynamicModule {
  return RedisPropagatorModule.forRoot({
    pubSub: new InMemoryPubSub(),
    logger,
    ...options,
    isGlobal,
  });
}

function inMemoryAsync(): DynamicModule {
  return RedisPropagatorModule.forRootAsync({
    useFactory: () => ({ pubSub: new InMemoryPubSub(), logger }),
  });
}

function returning(returned: unknown): DynamicModule {
  return RedisPropagatorModule.forRootAsync({ useFactory: () => returned as object });
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

    await until(
      () => redis.state === 'ready',
      () => `Redis to be ready, is ${redis.state}`,
    );
    expect(state.socketCount).toBe(0);
    expect(await propagator.emitToUser({ userId: 'nobody', event: 'x' })).toEqual({
      localSockets: 0,
      remoteInstances: 0,
      reached: false,
    });
  });

  it('is visible only in the modules that import it if it is not global', async () => {
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
    'does not start with a wrong option, and names the option, the value and the remedy: %s',
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

  it.each([false, undefined])(
    'is required by SocketStateAdapter, which says so and does not end the process (abortOnError: %s)',
    async (abortOnError) => {
      class AppModule {}
      const nestLogger = { log() {}, warn() {}, error: (line: string) => logged.push(line) };
      const logged: unknown[] = [];
      app = await NestFactory.create(AppModule, {
        logger: nestLogger,
        ...(abortOnError !== undefined && { abortOnError }),
      });
      expect(() => new SocketStateAdapter(app as INestApplicationContext)).toThrow(
        expect.objectContaining({ code: 'module.missing' }),
      );
      expect(logged).toEqual([]);
    },
  );

  it('is refused without forRoot, with the remedy', async () => {
    await expect(start(RedisPropagatorModule)).rejects.toMatchObject({
      code: 'module.not-configured',
      message: expect.stringContaining('Import RedisPropagatorModule.forRoot() once'),
    });
  });

  it('is refused without forRoot in a feature module, too', async () => {
    class HereModule {}
    const here = { module: HereModule, imports: [RedisPropagatorModule] };
    await expect(start(inMemory(), here)).rejects.toMatchObject({ code: 'module.not-configured' });
  });

  describe('configured more than once in an app', () => {
    it.each<[how: string, imported: () => DynamicModule[]]>([
      ['with other options', () => [inMemory({ auth: TOKEN_IS_USER }), inMemory()]],
      ['with another prefix', () => [inMemory({ prefix: 'a' }), inMemory({ prefix: 'b' })]],
      ['with the same options', () => [inMemory(), inMemory()]],
      ['by forRoot and forRootAsync', () => [inMemory(), inMemoryAsync()]],
      ['by forRootAsync', () => [inMemoryAsync(), inMemoryAsync()]],
      ['and nowhere globally', () => [inMemory({}, false), inMemory({}, false)]],
    ])('does not start %s', async (_how, imported) => {
      const [root, feature] = imported() as [DynamicModule, DynamicModule];
      class HereModule {}
      const refused = start(root, { module: HereModule, imports: [feature] });
      await expect(refused).rejects.toMatchObject({ code: 'module.twice' });
      await expect(refused).rejects.toThrow('configured 2 times in this app');
    });

    it('keeps running if the second one is loaded later', async () => {
      class LaterModule {}
      const context = await start(inMemory());
      const later = { module: LaterModule, imports: [inMemory({ prefix: 'later' })] };
      await expect(context.get(LazyModuleLoader).load(() => later)).rejects.toMatchObject({
        code: 'module.twice',
      });
      expect(context.get(RedisService).state).toBe('ready');
    });

    it('starts if several modules import the same one', async () => {
      const one = inMemory({}, false);
      class HereModule {}
      class ThereModule {}
      const context = await start(
        { module: HereModule, imports: [one], providers: [OrdersService] },
        { module: ThereModule, imports: [one] },
      );
      expect(context.get(OrdersService, { strict: false }).redis.state).toBe('ready');
    });

    it('starts in two apps of a process', async () => {
      const other = await start(inMemory());
      const context = await start(inMemory());
      expect([context, other].map((each) => each.get(RedisService).state)).toEqual([
        'ready',
        'ready',
      ]);
      await other.close();
    });
  });

  describe('with a factory', () => {
    it.each<[string, unknown]>([
      ['nothing', undefined],
      ['null', null],
      ['a Promise of nothing', Promise.resolve()],
    ])('that returns %s uses the defaults, and logs a warning', async (_what, returned) => {
      const lines: string[] = [];
      const warn = jest
        .spyOn(Logger.prototype, 'warn')
        .mockImplementation((line: unknown) => void lines.push(String(line)));
      try {
        // The default Redis is not the one of the tests, and may not exist.
        await start(returning(returned)).catch(() => undefined);
      } finally {
        warn.mockRestore();
      }
      expect(lines.filter((line) => line.includes('returns nothing'))).toEqual([
        expect.stringContaining('no client is authenticated. Return the options from the factory'),
      ]);
    });

    it.each<[string, unknown, shown: string]>([
      ['a list', [], '[]'],
      ['a Promise of a list', Promise.resolve([{}]), '[{}]'],
      ['a text', 'redis://localhost', '"redis://localhost"'],
      ['a number', 6379, '6379'],
      ['true', true, 'true'],
      ['a function', () => ({}), 'a function'],
      ['a Map', new Map([['redis', 'redis://localhost']]), '{}'],
      ['a Date', new Date(0), '"1970'],
    ])('that returns %s is refused', async (_what, returned, shown) => {
      await expect(start(returning(returned))).rejects.toMatchObject({
        code: 'option.invalid',
        message: expect.stringContaining(`Option "options": got ${shown}`),
      });
    });

    it('accepts getters of a class instance', async () => {
      class Options {
        get pubSub() {
          return new InMemoryPubSub();
        }
      }
      const context = await start(returning(new Options()));
      expect(context.get(PUB_SUB)).toBeInstanceOf(InMemoryPubSub);
    });

    it.each<[string, unknown, message: RegExp]>([
      ['auth', { useFactory: () => ({}), auth: {} }, /^Option "forRootAsync\.auth" does not exist/],
      ['a typo', { useFactroy: () => ({}) }, /^Option "forRootAsync\.useFactroy" does not exist/],
      ['no source', { imports: [] }, /^Option "forRootAsync": got none of them\. Write/],
      ['two', { useFactory: () => ({}), useClass: Configuration }, /got useFactory and useClass/],
      ['no function', { useFactory: {} }, /^Option "forRootAsync\.useFactory": got {}/],
      ['nothing', undefined, /^Option "forRootAsync": got undefined/],
      ['isGlobal', { useFactory: () => ({}), isGlobal: 'no' }, /^Option "isGlobal": got "no"/],
    ])(
      'is refused if forRootAsync gets an option without effect: %s',
      async (_what, given, message) => {
        const wrong = RedisPropagatorModule.forRootAsync(given as never);
        await expect(start(wrong)).rejects.toMatchObject({
          message: expect.stringMatching(message),
        });
      },
    );
  });

  it.each<[string, unknown, shown: string]>([
    ['a list', [], '[]'],
    ['a text', 'redis://localhost', '"redis://localhost"'],
    ['a number', 5, '5'],
    ['a Map', new Map(), '{}'],
  ])('is refused if forRoot gets %s', async (_what, given, shown) => {
    await expect(start(RedisPropagatorModule.forRoot(given as never))).rejects.toMatchObject({
      code: 'option.invalid',
      message: expect.stringContaining(`Option "options": got ${shown}`),
    });
  });

  class Settings implements RedisPropagatorOptions {
    get pubSub() {
      return new InMemoryPubSub();
    }
    get auth() {
      return { authenticate: () => null, required: true };
    }
    get logger() {
      return logger;
    }
  }

  it.each<[string, RedisPropagatorOptions]>([
    ['getters of a class', new Settings()],
    ['what they inherit', Object.create(new Settings()) as RedisPropagatorOptions],
  ])('accepts options of forRoot by reading them, including %s', async (_, options) => {
    await start(RedisPropagatorModule.forRoot(options));
    const { authenticates, clients }: Partial<Runtime> = app?.get<Runtime>(RUNTIME) ?? {};
    expect({ authenticates, clients }).toEqual({ authenticates: true, clients: undefined });
  });
});
