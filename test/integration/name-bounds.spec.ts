import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import {
  PresenceService,
  PropagatorError,
  SessionService,
  type RedisPropagatorOptions,
} from '../../src/index.js';
import { ExternalClient } from '../support/external-client.js';
import { PlainGateway, serverOf, socketOf } from '../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

/** 256 bytes of UTF-8, and one more. */
const LONGEST = 'é'.repeat(128);
const TOO_LONG = `${LONGEST}x`;
const HUGE = 'x'.repeat(900_000);

@WebSocketGateway({ namespace: /^\/room-/ })
class DynamicGateway {
  @WebSocketServer() readonly server!: Server;
}

describe('a name that becomes a channel of Redis', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (options: RedisPropagatorOptions = {}) => {
    cluster = await givenCluster()
      .of(1)
      .with(PlainGateway, DynamicGateway)
      .configured(options)
      .start();
    return cluster.instance(0);
  };
  const longestChannel = async (): Promise<number> => {
    const external = new ExternalClient();
    try {
      const channels = await external.redis.pubsub('CHANNELS', `${cluster.prefix}*`);
      return Math.max(...(channels as string[]).map((name) => Buffer.byteLength(name)));
    } finally {
      external.close();
    }
  };

  it('may have 256 bytes as a room: a socket does not enter longer ones, which is reported', async () => {
    const a = await start();
    const alice = await a.connect({ token: 'alice' });
    const { rooms } = socketOf(cluster, alice.id);

    await alice.ask('join', [LONGEST, TOO_LONG, HUGE, 'lobby']);
    serverOf(cluster, 0).socketsJoin(HUGE);
    await serverOf(cluster, 0).fetchSockets();

    expect([rooms.has(LONGEST), rooms.has(TOO_LONG), rooms.has(HUGE)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(rooms.has('lobby')).toBe(true);
    expect(a.counts['name.too-long']).toBe(3);
    expect(cluster.logger.matching(/name\.too-long: socket \S+ was kept out of room/)).toHaveLength(
      1,
    );
    for (const line of cluster.logger.lines) expect(line.length).toBeLessThan(1_100);
    expect(await longestChannel()).toBeLessThan(400);
  });

  it.each(['user', 'room', 'join', 'namespace'])(
    'is refused with a coded error by verbs: %s',
    async (kind) => {
      const { propagator } = await start();
      const calls: Record<string, (name: string) => Promise<unknown>> = {
        user: (userId) => propagator.emitToUser({ userId, event: 'e' }),
        room: (room) => propagator.emitToRoom({ room, event: 'e' }),
        join: (room) => propagator.joinUser('alice', ['lobby', room]),
        namespace: (name) => propagator.of(`/${name.slice(0, -1)}`).emitToAll({ event: 'e' }),
      };
      const call = (name: string): Promise<unknown> | undefined => calls[kind]?.(name);
      for (const name of [TOO_LONG, HUGE]) {
        const error = await call(name)?.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(PropagatorError);
        expect(error).toMatchObject({ code: 'name.too-long' });
        expect((error as Error).message.length).toBeLessThan(500);
      }
      await call('x'.repeat(256));
      if (kind === 'user') await propagator.emitToUsers({ userIds: ['bob', LONGEST], event: 'e' });
    },
  );

  it('may have 256 bytes as a user id: clients with a longer one are refused, which is reported', async () => {
    const a = await start();
    await a.connect({ token: 'x'.repeat(256) });
    expect(await a.refusal({ token: 'x'.repeat(257) })).toMatchObject({
      data: { code: 'auth.failed' },
    });
    expect(await a.refusal({ token: HUGE.slice(0, 500_000) })).toMatchObject({
      data: { code: 'auth.failed' },
    });
    expect(a.counts).toEqual({ 'name.too-long': 2 });
    expect(cluster.logger.matching(/name\.too-long: user id/)).toHaveLength(1);
  });

  it('may have 256 bytes as a namespace that a client requests', async () => {
    const a = await start();
    const name = `/room-${'x'.repeat(250)}`;
    await a.connect({ namespace: name });
    expect(await a.refusal({ namespace: `${name}x` })).toMatchObject({
      message: 'Invalid namespace',
    });
    expect(a.counts).toEqual({ 'name.too-long': 1 });
    expect(await longestChannel()).toBeLessThan(400);
  });

  it('may have up to 1,024 bytes as a channel of the app or as an event', async () => {
    const { app, propagator, redis } = await start();
    const presence = app.get(PresenceService);
    const sessions = app.get(SessionService);
    const most = 'é'.repeat(512);
    for (const name of [`${most}x`, HUGE]) {
      const target = { code: 'target.invalid' };
      await expect(redis.publish(name, 1)).rejects.toMatchObject(target);
      expect(() => redis.fromEvent(name)).toThrow(expect.objectContaining(target));
      await expect(propagator.emitToUser({ userId: 'alice', event: name })).rejects.toMatchObject({
        code: 'event.invalid-name',
      });
    }
    await expect(presence.isOnline(HUGE)).rejects.toMatchObject({ code: 'name.too-long' });
    await expect(sessions.revokeUser(HUGE)).rejects.toMatchObject({ code: 'name.too-long' });
    for (const line of cluster.logger.lines) expect(line.length).toBeLessThan(1_100);

    const heard: unknown[] = [];
    const subscription = redis.fromEvent(most).subscribe((value) => heard.push(value));
    await until(
      async () => (await redis.publish(most, 'news')) > 0 && heard.length > 0,
      () => 'the longest channel',
    );
    subscription.unsubscribe();
    await propagator.emitToUser({ userId: 'alice', event: most });
  });

  it('may have as many bytes as the option allows', async () => {
    const a = await start({ limits: { nameBytes: 1_000 } });
    const alice = await a.connect({ token: 'x'.repeat(1_000) });
    await alice.ask('join', ['y'.repeat(1_000), 'z'.repeat(1_001)]);
    await a.propagator.emitToRoom({ room: 'y'.repeat(1_000), event: 'hello' });
    await cluster.settled(alice);
    expect(alice.events).toEqual(['hello']);
    expect(a.counts).toEqual({ 'name.too-long': 1 });
  });
});
