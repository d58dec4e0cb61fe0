import { Body, Controller, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import {
  PresenceService,
  PropagatorError,
  PropagatorHealthIndicator,
  RedisPropagatorModule,
  RedisPropagatorService,
  RedisService,
  SessionService,
  type EventLoss,
  type Receipt,
} from '../../src/index.js';
import { InMemoryPubSub } from '../../src/testing/index.js';
import { RecordingPropagator } from '../../src/testing/index.js';
import { Outage } from '../support/outage.js';
import { startOwnRedis } from '../support/own-redis.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

@WebSocketGateway()
class RootGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('ping')
  ping(): string {
    return 'pong';
  }
}

/** The controller of the README. */
@Controller('orders')
class OrdersController {
  constructor(private readonly propagator: RedisPropagatorService) {}

  @Post(':userId')
  async update(@Param('userId') userId: string, @Body() order: object): Promise<Receipt> {
    return this.propagator.emitToUser({ userId, event: 'order-update', data: order });
  }
}

const QUICK = { publishTimeoutMs: 300, subscribeTimeoutMs: 50 };
const QUEUED = { queued: true, reached: null, remoteInstances: null };

describe('an awaited verb while Redis is down', () => {
  let outage: Outage;
  let cluster: TestCluster;

  const start = async (size: number, options: object = {}) => {
    const redis = await outage.startRedis();
    const quick = { ...QUICK, ...options };
    cluster = await outage.startCluster(size, [RootGateway], quick, [OrdersController]);
    return redis;
  };
  const everywhere = (state: string) => outage.everywhere(state);

  beforeEach(async () => {
    outage = await Outage.prepare();
  });
  afterEach(() => outage.end());

  it('answers an HTTP request: local sockets get the event, and it waits for the other instances', async () => {
    const server = await start(2);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const near = await a.connect({ token: 'alice' });
    const far = await b.connect({ token: 'alice' });
    await server.kill();
    await everywhere('degraded');

    const response = await fetch(`${a.url}/orders/alice`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"id":1}',
    });

    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ ...QUEUED, localSockets: 1 });
    await expect(a.app.get(PresenceService).isOnline('bob')).rejects.toMatchObject({
      code: 'redis.unavailable',
      message: expect.stringMatching(
        /: presence is unknown at the moment and was not changed\. Retry/,
      ),
    });
    expect(await near.waitFor('order-update')).toEqual([{ id: 1 }]);
    await server.restart();
    expect(await far.waitFor('order-update')).toEqual([{ id: 1 }]);
    await everywhere('ready');
    await cluster.settled(near, far);
    expect([near.events, far.events]).toEqual([['order-update'], ['order-update']]);
    expect(a.counts).not.toHaveProperty(['publish.failed']);
  });

  it('resolves as queued for each verb, also if Redis has been down for long', async () => {
    const server = await start(1);
    const { propagator, app } = cluster.instance(0);
    const alice = await cluster.instance(0).connect({ token: 'alice' });
    await server.kill();
    await everywhere('degraded');
    const event = 'x';
    const emit = () =>
      Promise.all([
        propagator.emitToUser({ userId: 'alice', event }),
        propagator.emitToRoom({ room: 'empty', event }),
        propagator.emitToAll({ event }),
        propagator.emitToAuthenticated({ event }),
        propagator.of('/').emitToAll({ event }),
      ]);

    const queued = { ...QUEUED, localSockets: 1 };
    const expected = [queued, { ...queued, localSockets: 0 }, queued, queued, queued];
    expect(await emit()).toEqual(expected);
    expect(await emit()).toEqual(expected);
    const users = await propagator.emitToUsers({ userIds: ['alice', 'bob'], event });
    expect(users).toEqual({
      ...queued,
      users: new Map([
        ['alice', queued],
        ['bob', { ...queued, localSockets: 0 }],
      ]),
    });
    expect(await propagator.propagateEvent({ userId: 'alice', event })).toBe(true);
    app.get(RootGateway).server.emit(event);
    await cluster.instance(0).served(alice);
    expect(alice.events).toHaveLength(11);
  });

  it('reports later that an event is lost, with one line in the log', async () => {
    const server = await start(1, { outbox: { maxAgeMs: 900 } });
    const instance = cluster.instance(0);
    const { propagator, counts } = instance;
    const losses: EventLoss[] = [];
    propagator.losses$.subscribe((loss) => losses.push(loss));
    await server.kill();
    await everywhere('degraded');

    const emitted = [
      propagator.emitToUser({ userId: 'alice', event: 'order', namespace: '/shop' }),
      propagator.emitToRoom({ room: 'lobby', event: 'hello' }),
      propagator.emitToAll({ event: 'tick' }),
    ];
    const waiting = propagator
      .emitToAll({ event: 'tock', publish: 'wait' })
      .catch(({ code }: PropagatorError) => code);
    const refused = propagator
      .emitToAll({ event: 'now', publish: 'fail-fast' })
      .catch(({ code }: PropagatorError) => code);

    expect(await refused).toBe('redis.unavailable');
    for (const receipt of await Promise.all(emitted)) expect(receipt).toMatchObject(QUEUED);
    expect(await waiting).toBe('outbox.expired');
    await until(
      () => losses.length === 3,
      () => `three losses, not ${losses.length}`,
    );
    expect(losses).toEqual([
      {
        event: 'order',
        namespace: '/shop',
        target: 'user',
        id: 'alice',
        error: expect.objectContaining({ code: 'outbox.expired' }),
      },
      expect.objectContaining({ event: 'hello', namespace: '/', target: 'room', id: 'lobby' }),
      expect.objectContaining({ event: 'tick', target: 'all', id: undefined }),
    ]);
    expect(instance.counts).toMatchObject({ 'outbox.expired': 4, 'publish.failed': 5 });
    expect(counts).not.toHaveProperty(['emit.refused']);
    expect(cluster.logger.matching(/^warn outbox\.expired/)).toHaveLength(1);
    expect(cluster.logger.matching(/^warn emit\.refused/)).toEqual([]);
  });

  it('lets a subscriber of losses$ emit in place of what is lost', async () => {
    const server = await start(1, { outbox: { maxEvents: 3, maxAgeMs: 900 } });
    const instance = cluster.instance(0);
    const { propagator } = instance;
    const lost: string[] = [];
    propagator.losses$.subscribe(({ event }) => {
      lost.push(event);
      if (event.startsWith('first')) void propagator.emitToAll({ event: `after ${event}` });
    });
    await server.kill();
    await everywhere('degraded');

    const emit = (name: string) =>
      Promise.all(
        [1, 2, 3].map((n) =>
          propagator
            .emitToAll({ event: `${name} ${n}` })
            .catch(({ code }: PropagatorError) => code),
        ),
      );
    const queued = Array.from({ length: 3 }, () => expect.objectContaining(QUEUED));
    expect(await emit('first')).toEqual(queued);
    // An event beyond the bounds is refused at once, and those that wait keep their places.
    expect(await emit('second')).toEqual(['outbox.full', 'outbox.full', 'outbox.full']);

    await until(
      () => lost.length >= 6,
      () => `each loss to be reported, not ${lost.length}`,
    );
    const first = ['first 1', 'first 2', 'first 3'];
    expect(lost).toEqual([...first, ...first.map((name) => `after ${name}`)]);
    expect(instance.counts).toMatchObject({ 'outbox.full': 3, 'outbox.expired': 6 });
  });

  it('waits for the outcome with "wait", for longer than a publish may take', async () => {
    const server = await start(2);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const far = await b.connect({ token: 'alice' });
    await server.kill();
    await everywhere('degraded');
    const waiting = a.propagator.emitToUser({ userId: 'alice', event: 'x', publish: 'wait' });
    expect(await a.propagator.emitToUser({ userId: 'alice', event: 'x' })).toMatchObject(QUEUED);
    await server.restart();
    expect(await waiting).toMatchObject({ localSockets: 0 });
    expect(await waiting).not.toHaveProperty('queued');
    await far.waitFor('x', 2);
  });

  it('resolves as queued for a frozen Redis, and the outbox limits the events in flight', async () => {
    const server = await start(1, { outbox: { maxEvents: 2_000 }, publishTimeoutMs: 3_000 });
    const instance = cluster.instance(0);
    process.kill(server.pid ?? 0, 'SIGSTOP');
    try {
      // Each to its own channel, until the silence is noticed and the outbox is full.
      const outcomes: Promise<unknown>[] = [];
      await until(
        () => {
          const userId = `u${outcomes.length}`;
          for (let i = 0; i < 20; i++) {
            const emitted = instance.propagator.emitToUser({
              userId: `${userId}-${i}`,
              event: 'x',
            });
            outcomes.push(emitted.catch(({ code }: PropagatorError) => code));
          }
          return (instance.counts['outbox.full'] ?? 0) > 100;
        },
        () => 'the outbox to be full',
      );
      const known = await Promise.all(outcomes);
      const kept = known.filter((outcome) => outcome !== 'outbox.full');
      // On a slow machine some get their receipt before they are dropped.
      expect(known.length - (instance.counts['outbox.full'] ?? 0)).toBeLessThanOrEqual(2_000);
      for (const receipt of kept) expect(receipt).toMatchObject(QUEUED);
    } finally {
      process.kill(server.pid ?? 0, 'SIGCONT');
    }
    await until(
      () =>
        instance.app.get(PropagatorHealthIndicator).checkHealth().propagator.backlog.events === 0,
      () => 'the outbox to be empty',
    );
  });
});

describe('a verb that is called before the app has started', () => {
  it('rejects at once with the reason; after the start, it emits', async () => {
    class AppModule {}
    const app = await NestFactory.create(
      {
        module: AppModule,
        imports: [RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub() })],
      },
      { logger: false },
    );
    const propagator = app.get(RedisPropagatorService);
    const early = [
      propagator.emitToAll({ event: 'x' }),
      propagator.fetchUserSockets('alice'),
      propagator.requestUser({ userId: 'alice', event: 'x' }),
      app.get(PresenceService).isOnline('alice'),
      app.get(PresenceService).count(),
      app.get(PresenceService).setStatus('alice', 'away'),
      app.get(RedisService).publish('orders', 1),
    ];
    for (const promise of early) {
      await expect(promise).rejects.toMatchObject({ code: 'app.not-started' });
    }
    await app.init();
    expect(await propagator.emitToAll({ event: 'x' })).toMatchObject({ reached: false });
    expect(await app.get(PresenceService).count()).toBe(0);
    await app.close();
  });
});

it('a presence query after the end of the app rejects with redis.closed', async () => {
  const redis = await startOwnRedis();
  const cluster = await givenCluster().of(1).with(RootGateway).onRedis(redis.url).start();
  const presence = cluster.instance(0).app.get(PresenceService);
  await cluster.instance(0).app.close();
  await expect(presence.isOnline('alice')).rejects.toMatchObject({ code: 'redis.closed' });
  await expect(presence.count()).rejects.toMatchObject({ code: 'redis.closed' });
  await cluster.close();
  await redis.stop();
});

const NOTHING: unknown[] = [undefined, null, {}, [], 'text', 5, true, Symbol('s'), 5n, () => 1];

/** Values of the wrong type in an otherwise valid call. */
const throwing = {
  get event(): string {
    throw new TypeError('a getter');
  },
};
const WRONG: unknown[] = [
  { userId: 'a', userIds: ['a'], room: 'r', event: 'x', namespace: 5 },
  { userId: 'a', userIds: ['a'], room: 'r', event: 'x', namespace: null },
  { userId: 'a', userIds: ['a'], room: 'r', event: 'x', exceptSocketId: {} },
  { userId: 'a', userIds: ['a'], room: 'r', event: 'x', exceptSessionId: Symbol('s') },
  { userId: 'a', userIds: ['a'], room: 'r', event: Symbol('s') },
  { userId: Symbol('s'), userIds: [Symbol('s')], room: Symbol('s'), event: 5 },
  throwing,
];

describe('a verb that is called without arguments, or with wrong types', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await givenCluster().of(1).with(RootGateway).start();
  });
  afterEach(() => cluster.close());

  const verbs = ['emitToUser', 'emitToUsers', 'emitToRoom', 'emitToAll', 'emitToAuthenticated'];
  const others = ['fetchUserSockets', 'joinUser', 'leaveUser', 'disconnectUser'];
  type Verbs = Record<string, (...given: unknown[]) => Promise<unknown>>;

  it.each(['the service', 'a bound namespace', 'the recorder'])(
    'rejects with a PropagatorError, never with a TypeError: %s',
    async (which) => {
      const { propagator } = cluster.instance(0);
      const recorder = new RecordingPropagator();
      const targets: Record<string, unknown> = {
        'the service': propagator,
        'a bound namespace': propagator.of('/'),
        'the recorder': recorder,
      };
      const target = targets[which] as Verbs;
      const outcomeOf = async (verb: string, ...given: unknown[]) => {
        const promise = target[verb]?.(...given);
        return promise?.then(
          () => `${verb} resolved`,
          (error: unknown) =>
            error instanceof PropagatorError ? 'refused' : `${verb}: ${String(error)}`,
        );
      };
      const outcomes: unknown[] = [];
      for (const given of NOTHING) {
        for (const verb of [...verbs, 'propagateEvent', 'requestUser']) {
          outcomes.push(await outcomeOf(verb, given));
        }
        // These are user ids.
        if (given === 'text' || given === 5 || given === 5n) continue;
        for (const verb of others) outcomes.push(await outcomeOf(verb, given, 'room'));
      }
      for (const given of [null, 'text', 5, []]) {
        if (which === 'a bound namespace') continue;
        outcomes.push(await outcomeOf('fetchUserSockets', 'alice', given));
        outcomes.push(await outcomeOf('disconnectUser', 'alice', given));
        outcomes.push(await outcomeOf('joinUser', 'alice', 'room', given));
      }
      for (const given of [undefined, null, {}, [], [''], [null]]) {
        outcomes.push(await outcomeOf('joinUser', 'alice', given));
        outcomes.push(await outcomeOf('leaveUser', 'alice', given));
      }
      expect(new Set(outcomes)).toEqual(new Set(['refused']));
      expect(recorder.calls).toEqual([]);
    },
  );

  it('rejects in the same way: presence, sessions, channels of the app', async () => {
    const { app } = cluster.instance(0);
    const presence: Verbs = app.get(PresenceService);
    const sessions: Verbs = app.get(SessionService);
    const redis: Verbs = app.get(RedisService);
    const nothing = [undefined, null, {}, [], true, Symbol('s'), () => 1];
    const calls: [Verbs, string, unknown[]][] = [
      ...nothing.flatMap((given): [Verbs, string, unknown[]][] => [
        [presence, 'isOnline', [given]],
        [presence, 'lastSeen', [given]],
        [presence, 'statusOf', [given]],
        [presence, 'setStatus', [given, 'away']],
        [sessions, 'sessions', [given]],
        [sessions, 'revokeUser', [given]],
        [sessions, 'revokeSession', [given]],
        [sessions, 'setSessionMetadata', [given, null]],
        [redis, 'publish', [given, 1]],
      ]),
      ...[undefined, null, {}, 5, 'text', { [Symbol.iterator]: 5 }].map(
        (given): [Verbs, string, unknown[]] => [presence, 'areOnline', [given]],
      ),
      ...[null, 5, 'text'].flatMap((given): [Verbs, string, unknown[]][] => [
        [presence, 'onlineUsers', [given]],
        [sessions, 'sessions', ['alice', given]],
        [sessions, 'revokeUser', ['alice', given]],
        [sessions, 'revokeSession', ['session', given]],
      ]),
    ];
    for (const [service, verb, given] of calls) {
      await expect(service[verb]?.(...given)).rejects.toBeInstanceOf(PropagatorError);
    }
    for (const given of [null, 5, 'text']) {
      expect(() => presence['watch']?.(given)).toThrow(PropagatorError);
    }
  });

  it('rejects in the same way for a wrong value within a call', async () => {
    const propagator = cluster.instance(0).propagator as unknown as Verbs;
    for (const given of WRONG) {
      for (const verb of verbs) {
        // A namespace does not have to be given twice.
        await expect(propagator[verb]?.(given)).rejects.toBeInstanceOf(PropagatorError);
      }
    }
    const event = { event: 'x', userId: 'a' };
    for (const given of [
      { ...event, volatile: 'yes' },
      { ...event, compress: null },
      { ...event, publish: 'soon' },
      { event: 'x', userId: 'a', sessionId: {} },
    ]) {
      await expect(propagator['emitToUser']?.(given)).rejects.toMatchObject({
        code: 'target.invalid',
      });
    }
    const notIterable = { [Symbol.iterator]: 5 };
    await expect(
      propagator['emitToUsers']?.({ event: 'x', userIds: notIterable }),
    ).rejects.toMatchObject({ code: 'target.invalid' });
    await expect(propagator['disconnectUser']?.('a', { reason: {} })).rejects.toMatchObject({
      code: 'target.invalid',
    });
  });

  it('rejects in the same way for arguments that cannot even be read', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const event = {
      get event() {
        // Whatever they throw.
        throw proxy;
      },
    };
    const { propagator } = cluster.instance(0);
    for (const bound of [propagator, propagator.of('/chat')]) {
      for (const given of [proxy, event]) {
        const asVerbs = bound as unknown as Verbs;
        for (const verb of [
          'emitToUser',
          'emitToUsers',
          'emitToRoom',
          'emitToAll',
          'requestUser',
        ]) {
          await expect(asVerbs[verb]?.(given)).rejects.toMatchObject({ code: 'target.invalid' });
        }
      }
    }
  });
});
