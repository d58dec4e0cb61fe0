import { IoAdapter } from '@nestjs/platform-socket.io';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { LazyModuleLoader, NestFactory } from '@nestjs/core';
import { Module, type INestApplication, type Provider } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Server, type ServerOptions } from 'socket.io';
import {
  RedisPropagatorModule,
  SocketStateAdapter,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { InMemoryPubSub } from '../../src/testing/index.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { useInMemory } from '../../src/testing/index.js';
import { MemoryLogger } from '../support/memory-logger.js';
import { TestInstance } from '../support/test-instance.js';

@WebSocketGateway()
class ChatGateway {
  @SubscribeMessage('ask')
  ask(): string {
    return 'answer';
  }
}

@WebSocketGateway({ namespace: /^\/tenant-\d+$/ })
class TenantGateway {}

@WebSocketGateway(0, { namespace: 'orders' })
class OrdersGateway {}

const auth = {
  authenticate: (token: string) => (token === 'bad' ? null : { userId: token }),
  required: true,
} satisfies RedisPropagatorOptions['auth'];

const REMEDY =
  'Write app.useWebSocketAdapter(new SocketStateAdapter(app)) before app.init() or app.listen()';

class OtherAdapter extends IoAdapter {}

/** An adapter of the app that forwards its calls to ours, except for gateways on their own ports. */
class WrappingAdapter extends IoAdapter {
  private readonly inner: SocketStateAdapter;
  private readonly own = new Set<object>();

  constructor(
    app: INestApplication,
    private readonly isOwn: (port: number, options?: ServerOptions) => boolean,
  ) {
    super(app);
    this.inner = new SocketStateAdapter(app);
  }

  override create(...[port, options]: Parameters<IoAdapter['create']>) {
    if (!this.isOwn(port, options)) return this.inner.create(port, options);
    const server = super.create(port, options);
    this.own.add(server);
    return server;
  }

  override bindClientConnect(...[server, listener]: Parameters<IoAdapter['bindClientConnect']>) {
    if (this.own.has(server)) super.bindClientConnect(server, listener);
    else this.inner.bindClientConnect(server, listener as () => unknown);
  }

  override bindMessageHandlers(...call: Parameters<IoAdapter['bindMessageHandlers']>) {
    this.inner.bindMessageHandlers(...call);
  }
}

@WebSocketGateway(0, { namespace: 'public' })
class PublicGateway {}

/** Creates the server by itself, without calling super. */
class OwnServerAdapter extends SocketStateAdapter {
  override createIOServer(_port: number, options?: ServerOptions): Server {
    return new Server(this.httpServer as never, options);
  }
}

class OwnCreateAdapter extends SocketStateAdapter {
  override create(
    _port: number,
    options: ServerOptions & { namespace?: string; server?: Server },
  ): Server {
    const server = options.server ?? new Server(this.httpServer as never);
    return (options.namespace === undefined
      ? server
      : server.of(options.namespace)) as unknown as Server;
  }
}

/** Serves each gateway in a second namespace as well. */
class TwiceAdapter extends SocketStateAdapter {
  override bindClientConnect(
    ...[server, listener]: Parameters<SocketStateAdapter['bindClientConnect']>
  ) {
    super.bindClientConnect(server, listener);
    const root = server instanceof Server ? server : server.server;
    super.bindClientConnect(root.of('/second'), this.bound(listener));
  }

  protected bound(listener: (...args: unknown[]) => unknown): typeof listener {
    return listener;
  }
}

class WrappingTwiceAdapter extends TwiceAdapter {
  protected override bound(listener: (...args: unknown[]) => unknown): typeof listener {
    return (...args) => listener(...args);
  }
}

@WebSocketGateway({ path: '/a' })
class GatewayA {}

@WebSocketGateway({ path: '/b' })
class GatewayB {}

/** As a later version of Nest might look. */
function withoutSocketModule(app: INestApplication): INestApplication {
  return new Proxy(app, {
    get: (target, name) => (name === 'socketModule' ? undefined : Reflect.get(target, name)),
  });
}

describe('an app that has gateways', () => {
  let logger: MemoryLogger;
  const apps: { close(): Promise<void> }[] = [];
  beforeEach(() => {
    logger = new MemoryLogger();
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });

  const create = async (
    options: RedisPropagatorOptions,
    ...providers: Provider[]
  ): Promise<INestApplication> => {
    class AppModule {}
    const app = await NestFactory.create(
      {
        module: AppModule,
        imports: [
          RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub(), logger, ...options }),
        ],
        providers,
      },
      { logger: false, abortOnError: false },
    );
    apps.push(app);
    return app;
  };
  const warnings = () => logger.matching(/^warn /);

  describe('with the option auth', () => {
    let stranger: INestApplication;

    it('gets an error with the remedy if SocketStateAdapter is given something else than the app', async () => {
      const app = await create({ auth }, ChatGateway);
      for (const given of [undefined, null, {}, app.getHttpServer()]) {
        expect(() => new SocketStateAdapter(given as INestApplication)).toThrow(
          'Pass the app itself: new SocketStateAdapter(app).',
        );
      }
    });

    it.each<[how: string, prepare: (app: INestApplication) => void, adapter: string]>([
      ['no adapter is set', () => {}, 'IoAdapter'],
      [
        'another adapter is set after SocketStateAdapter',
        (app) => {
          app.useWebSocketAdapter(new SocketStateAdapter(app));
          app.useWebSocketAdapter(new OtherAdapter(app));
        },
        'OtherAdapter',
      ],
      [
        'another adapter is set before SocketStateAdapter is made, which is then not set',
        (app) => {
          app.useWebSocketAdapter(new OtherAdapter(app));
          expect(new SocketStateAdapter(app)).toBeInstanceOf(IoAdapter);
        },
        'OtherAdapter',
      ],
      [
        'the adapter is that of another app',
        (app) => app.useWebSocketAdapter(new SocketStateAdapter(stranger)),
        'the adapter of another app',
      ],
    ])('does not start if %s', async (_how, prepare, adapter) => {
      stranger = await create({});
      const app = await create({ auth }, ChatGateway, TenantGateway, OrdersGateway);
      prepare(app);

      const starting = app.listen(0, '127.0.0.1');

      await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
      await expect(starting).rejects.toThrow(
        `The clients of ChatGateway, TenantGateway, OrdersGateway are served by ${adapter} and not by SocketStateAdapter: ` +
          'the option "auth" would have no effect, and anybody could connect. ',
      );
      await expect(starting).rejects.toThrow(REMEDY);
      expect((app.getHttpServer() as { listening: boolean }).listening).toBe(false);
    });

    it('does not start if the adapter is set after init, which was refused', async () => {
      const app = await create({ auth }, ChatGateway);
      await expect(app.init()).rejects.toMatchObject({ code: 'adapter.missing' });
      expect(() => new SocketStateAdapter(app)).toThrow(
        expect.objectContaining({ code: 'adapter.missing' }),
      );
    });

    it('does not start in a test without an adapter either', async () => {
      @Module({
        imports: [RedisPropagatorModule.forRoot({ auth, logger })],
        providers: [ChatGateway],
      })
      class AppModule {}
      const builder = Test.createTestingModule({ imports: [AppModule] });
      const module = await useInMemory(builder).compile();
      const app = module.createNestApplication();
      apps.push(app);
      await expect(app.init()).rejects.toMatchObject({ code: 'adapter.missing' });
    });

    it.each<[string, new (app: INestApplication) => SocketStateAdapter]>([
      ['createIOServer', OwnServerAdapter],
      ['create', OwnCreateAdapter],
    ])(
      'authenticates in every namespace if an adapter of the app overrides %s without super',
      async (_method, Adapter) => {
        const app = await create({ auth }, ChatGateway, TenantGateway);
        app.useWebSocketAdapter(new Adapter(app));
        await app.listen(0, '127.0.0.1');
        const instance = new TestInstance(app);

        for (const namespace of ['/', '/tenant-1']) {
          expect((await instance.refusal({ namespace })).data).toEqual({
            code: 'auth.token-missing',
          });
          const client = await instance.connect({ namespace, token: 'alice' });
          client.close();
        }
        expect(warnings().filter((line) => !line.includes('auth.token-missing'))).toEqual([]);
      },
    );
  });

  describe('without the option auth', () => {
    it('starts without the adapter, and warns once that events are not propagated', async () => {
      const app = await create({}, ChatGateway);
      await app.init();
      expect(warnings()).toEqual([
        expect.stringMatching(
          /^warn The clients of ChatGateway are served by IoAdapter .*events of other instances do not reach them\. Write app\.useWebSocketAdapter/,
        ),
      ]);
    });

    it('refuses an adapter that is set when the gateways already have a server', async () => {
      const app = await create({}, ChatGateway);
      await app.init();
      expect(() => new SocketStateAdapter(app)).toThrow(
        expect.objectContaining({ code: 'adapter.missing' }),
      );
    });
  });

  it('warns once if another adapter replaces ours after the start, and still authenticates', async () => {
    const app = await create({ auth }, ChatGateway);
    app.useWebSocketAdapter(new SocketStateAdapter(app));
    await app.listen(0, '127.0.0.1');
    const instance = new TestInstance(app);
    await (await instance.connect({ token: 'alice' })).closed();
    expect(warnings()).toEqual([]);

    app.useWebSocketAdapter(new SocketStateAdapter(app));
    await (await instance.connect({ token: 'alice' })).closed();
    expect(warnings()).toEqual([]);

    app.useWebSocketAdapter(new OtherAdapter(app));
    expect((await instance.refusal()).data).toEqual({ code: 'auth.token-missing' });
    for (const token of ['alice', 'bob']) await (await instance.connect({ token })).closed();
    expect(logger.matching(/adapter\.replaced/)).toEqual([
      expect.stringMatching(/^warn adapter\.replaced: OtherAdapter was set .* after the app had/),
    ]);
    expect(instance.counts).toMatchObject({ 'adapter.replaced': 2 });
  });

  it('logs no warning if an adapter of the app forwards all calls to ours', async () => {
    const app = await create({ auth }, ChatGateway, OrdersGateway);
    app.useWebSocketAdapter(new WrappingAdapter(app, () => false));
    await app.listen(0, '127.0.0.1');
    const instance = new TestInstance(app);
    expect((await instance.refusal()).data).toEqual({ code: 'auth.token-missing' });
    const client = await instance.connect({ token: 'alice' });
    expect(await client.ask('ask')).toBe('answer');
    await client.closed();
    expect(logger.matching(/adapter/i)).toEqual([]);
  });

  /** With an adapter of the app that serves the second gateway itself. */
  const startWrapped = async (
    options: RedisPropagatorOptions,
    ...gateways: Provider[]
  ): Promise<INestApplication> => {
    let calls = 0;
    const app = await create(options, ...gateways);
    app.useWebSocketAdapter(new WrappingAdapter(app, () => ++calls === 2));
    await app.listen(0, '127.0.0.1');
    return app;
  };

  describe('with an adapter of the app that serves one of three gateways itself', () => {
    const all = [ChatGateway, PublicGateway, OrdersGateway] as const;

    it('does not start, because auth would have no effect on that one', async () => {
      const starting = startWrapped({ auth }, ...all);
      await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
      await expect(starting).rejects.toThrow(
        'The clients of 1 of the 3 gateways ChatGateway, PublicGateway, OrdersGateway are served by WrappingAdapter ' +
          'and not by SocketStateAdapter: the option "auth" would have no effect, and anybody could connect. ',
      );
      await expect(starting).rejects.toThrow('auth.publicGateways');
    });

    it('does not start if a module provides another gateway twice, and the number of calls looks right', async () => {
      @Module({ providers: [ChatGateway] })
      class OneModule {}
      @Module({
        imports: [
          OneModule,
          RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub(), logger, auth }),
        ],
        providers: [ChatGateway, OrdersGateway],
      })
      class TwoModule {}
      const app = await NestFactory.create(TwoModule, { logger: false, abortOnError: false });
      apps.push(app);
      let calls = 0;
      app.useWebSocketAdapter(new WrappingAdapter(app, () => ++calls === 2));
      await expect(app.init()).rejects.toMatchObject({ code: 'adapter.missing' });
    });

    it('starts if the app says that this one is public, and authenticates the clients of the others', async () => {
      const app = await startWrapped(
        { auth: { ...auth, publicGateways: [PublicGateway] } },
        ...all,
      );
      const instance = new TestInstance(app);
      expect((await instance.refusal()).data).toEqual({ code: 'auth.token-missing' });
      await (await instance.connect({ token: 'alice' })).closed();
      expect(warnings().filter((line) => !line.includes('auth.token-missing'))).toEqual([]);
    });

    it.each([
      ['more gateways than that', [PublicGateway, OrdersGateway]],
      ['a class that is no gateway of the app', [PublicGateway, TenantGateway]],
    ])('does not start if %s are named as public', async (_, publicGateways) => {
      const starting = startWrapped({ auth: { ...auth, publicGateways } }, ...all);
      await expect(starting).rejects.toMatchObject({ code: 'option.invalid' });
      await expect(starting).rejects.toThrow('WrappingAdapter serves 1 of the gateways');
    });
  });

  it.each([TwiceAdapter, WrappingTwiceAdapter])(
    'starts with an adapter of the app that binds each gateway in two namespaces: %p',
    async (Adapter) => {
      const app = await create({ auth }, ChatGateway);
      app.useWebSocketAdapter(new Adapter(app));
      await app.listen(0, '127.0.0.1');
      for (const namespace of ['/', '/second']) {
        expect((await new TestInstance(app).refusal({ namespace })).data).toEqual({
          code: 'auth.token-missing',
        });
      }
    },
  );

  it('does not start if an adapter of the app binds one of two gateways twice, and serves the other itself', async () => {
    class HalfAdapter extends TwiceAdapter {
      private calls = 0;

      override bindClientConnect(...call: Parameters<SocketStateAdapter['bindClientConnect']>) {
        if (++this.calls === 1) super.bindClientConnect(...call);
        else IoAdapter.prototype.bindClientConnect.apply(this, call);
      }
    }
    const app = await create({ auth }, ChatGateway, PublicGateway);
    app.useWebSocketAdapter(new HalfAdapter(app));
    await expect(app.init()).rejects.toMatchObject({ code: 'adapter.missing' });
  });

  /** With an adapter of the app that serves the gateway with this path itself. */
  const startWithPublic = async (
    own: string,
    publicGateways: readonly object[],
    shownApp = (app: INestApplication) => app,
  ): Promise<TestInstance> => {
    const app = await create({ auth: { ...auth, publicGateways } }, GatewayA, GatewayB);
    const isOwn = (_port: number, options?: ServerOptions) => options?.path === own;
    app.useWebSocketAdapter(new WrappingAdapter(shownApp(app), isOwn));
    await app.listen(0, '127.0.0.1');
    return new TestInstance(app);
  };

  describe('with gateways on servers of their own, one of which an adapter of the app serves itself', () => {
    it('starts if exactly that one is named as public', async () => {
      const instance = await startWithPublic('/b', [GatewayB]);
      await (await instance.connect({ path: '/b' })).closed();
      expect((await instance.refusal({ path: '/a' })).data).toEqual({ code: 'auth.token-missing' });
    });

    it('does not start if another one is named as public', async () => {
      const starting = startWithPublic('/b', [GatewayA]);
      await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
      await expect(starting).rejects.toThrow('The clients of GatewayB are served by');
    });

    it('does not start if Nest does not show which one it is', async () => {
      for (const publicGateways of [[GatewayA], [GatewayB]]) {
        const starting = startWithPublic('/b', publicGateways, withoutSocketModule);
        await expect(starting).rejects.toMatchObject({ code: 'option.invalid' });
        await expect(starting).rejects.toThrow('does not show which gateways WrappingAdapter');
      }
    });

    it('does not start if it binds the other one twice, so that the number of calls looks right', async () => {
      class HalfAdapter extends WrappingTwiceAdapter {
        override create(port: number, options: ServerOptions & { server?: Server }): Server {
          return options.path === '/b'
            ? new Server(this.httpServer as never, options)
            : (super.create(port, options) as unknown as Server);
        }

        override bindClientConnect(...call: Parameters<SocketStateAdapter['bindClientConnect']>) {
          if ((call[0] as Server).path() === '/a') super.bindClientConnect(...call);
          else IoAdapter.prototype.bindClientConnect.apply(this, call);
        }
      }
      const app = await create({ auth }, GatewayA, GatewayB);
      app.useWebSocketAdapter(new HalfAdapter(app));
      const starting = app.init();
      await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
      await expect(starting).rejects.toThrow('The clients of GatewayB are served by HalfAdapter');
    });
  });

  it('does not start if another namespace of the same server is named as public', async () => {
    const starting = startWrapped(
      { auth: { ...auth, publicGateways: [ChatGateway] } },
      ChatGateway,
      PublicGateway,
    );
    await expect(starting).rejects.toMatchObject({ code: 'option.invalid' });
    await expect(starting).rejects.toThrow('hands ChatGateway on to SocketStateAdapter');
  });

  describe('with an adapter that extends SocketStateAdapter', () => {
    /** Without super, as in many examples for IoAdapter. */
    class NoSuperAdapter extends SocketStateAdapter {
      override bindClientConnect(
        ...[server, listener]: Parameters<SocketStateAdapter['bindClientConnect']>
      ) {
        server.on('connection', listener);
      }
    }
    class NothingOfSuperAdapter extends NoSuperAdapter {
      override createIOServer(_port: number, options?: ServerOptions): Server {
        return new Server(this.httpServer as never, options);
      }
    }
    class NoReturnAdapter extends SocketStateAdapter {
      override createIOServer(port: number, options?: ServerOptions): Server {
        return void super.createIOServer(port, options) as unknown as Server;
      }
    }
    const CALL_SUPER =
      'extends SocketStateAdapter and overrides its methods: call super.bindClientConnect(server, listener)';

    it.each([NoSuperAdapter, NothingOfSuperAdapter])(
      'names the call of super that is missing, and not the adapter as forgotten: %p',
      async (Adapter) => {
        const app = await create({ auth }, ChatGateway);
        app.useWebSocketAdapter(new Adapter(app));
        const starting = app.init();
        await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
        await expect(starting).rejects.toThrow(`${Adapter.name} ${CALL_SUPER}`);
        await expect(starting).rejects.not.toThrow(REMEDY);
      },
    );

    it('warns of the missing call without the option auth if nothing is propagated', async () => {
      const app = await create({}, ChatGateway);
      app.useWebSocketAdapter(new NothingOfSuperAdapter(app));
      await app.init();
      expect(warnings()).toEqual([expect.stringContaining(`NothingOfSuperAdapter ${CALL_SUPER}`)]);
    });

    it('names the method that returns no server', async () => {
      const app = await create({ auth }, ChatGateway);
      app.useWebSocketAdapter(new NoReturnAdapter(app));
      const starting = app.init();
      await expect(starting).rejects.toMatchObject({ code: 'adapter.missing' });
      await expect(starting).rejects.toThrow(
        'create() or createIOServer() of this adapter returned undefined, which is no server of Socket.IO',
      );
    });
  });

  it('does not start if a gateway is named as public and is not', async () => {
    const app = await create({ auth: { ...auth, publicGateways: [ChatGateway] } }, ChatGateway);
    app.useWebSocketAdapter(new SocketStateAdapter(app));
    await expect(app.init()).rejects.toThrow('Option "auth.publicGateways"');
  });

  it('starts without the adapter as a worker, which serves no gateways', async () => {
    class AppModule {}
    const worker = await NestFactory.createApplicationContext(
      {
        module: AppModule,
        imports: [RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub(), logger, auth })],
        providers: [ChatGateway],
      },
      { logger: false, abortOnError: false },
    );
    apps.push(worker);
    expect(warnings()).toEqual([]);
  });
});

describe('an app that has no gateways', () => {
  @Module({ providers: [ChatGateway] })
  class LazyModule {}

  it.each<[how: string, prepare: (app: INestApplication) => void]>([
    ['without an adapter', () => {}],
    ['with another adapter', (app) => app.useWebSocketAdapter(new OtherAdapter(app))],
    ['with SocketStateAdapter', (app) => app.useWebSocketAdapter(new SocketStateAdapter(app))],
  ])(
    'starts %s, whatever the options, and may load gateways later, which Nest does not serve',
    async (_how, prepare) => {
      const logger = new MemoryLogger();
      class AppModule {}
      const app = await NestFactory.create(
        {
          module: AppModule,
          imports: [RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub(), logger, auth })],
        },
        { logger: false, abortOnError: false },
      );
      prepare(app);
      await app.listen(0, '127.0.0.1');

      await app.get(LazyModuleLoader).load(() => LazyModule);

      expect(logger.matching(/^warn /)).toEqual([]);
      expect(app.get<Runtime>(RUNTIME).servers.count).toBe(0);
      await app.close();
    },
  );
});
