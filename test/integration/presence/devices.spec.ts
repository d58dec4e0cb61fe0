import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type {
  AuthenticatedSocket,
  PresenceChange,
  RedisPropagatorOptions,
} from '../../../src/index.js';
import { instanceIdOf } from '../../support/members.js';
import { inAnyOrder } from '../../support/events-of.js';
import { PresenceCluster } from '../../support/presence/presence-cluster.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster } from '../../support/test-cluster.js';
import { TestClient } from '../../support/test-client.js';

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {
  @SubscribeMessage('hello')
  hello(): string {
    return 'hello';
  }
}

/** Disconnects clients that ask for it before the gateway has responded. */
@WebSocketGateway({ namespace: 'unkind' })
class UnkindGateway {
  handleConnection(socket: AuthenticatedSocket): void {
    socket.disconnect();
  }
}

/** Long enough for a device to come back, unless the machine is frozen. */
const GRACE_MS = 1_000;
const GRACE = { presence: { graceMs: GRACE_MS } };
const NO_GRACE = { presence: { graceMs: 0 } };

/** Instances report independently: sort changes by their time, and within one millisecond by type. */
function inTurn(changes: readonly PresenceChange[]): string[] {
  const left = changes.toSorted((a, b) => a.at - b.at);
  const types: string[] = [];
  while (left.length > 0) {
    const wanted = types.at(-1) === 'online' ? 'offline' : 'online';
    const index = left.findIndex(({ at, type }) => at === left[0]?.at && type === wanted);
    types.push(...left.splice(Math.max(0, index), 1).map(({ type }) => type));
  }
  return types;
}

describe.each(['Redis', 'memory'] as const)('presence in %s', (where) => {
  let presence: PresenceCluster;
  afterEach(() => presence.close());

  const start = async (size: number, options: RedisPropagatorOptions = NO_GRACE): Promise<void> => {
    const builder = givenCluster()
      .of(size)
      .with(PlainGateway, ChatGateway, UnkindGateway)
      .configured(options);
    if (where === 'memory') builder.onInMemoryPubSub();
    presence = PresenceCluster.of(await builder.start());
  };

  it('counts several devices, on several instances and in several namespaces, as one user', async () => {
    await start(3);
    const devices = [
      await presence.connect(0, 'alice'),
      await presence.connect(0, 'alice'),
      await presence.connect(1, 'alice', '/chat'),
      await presence.connect(2, 'alice'),
    ];
    await presence.settled();
    expect(presence.lines).toEqual(['online alice']);

    const [last, ...others] = devices.toReversed();
    for (const device of others.toReversed()) await device.closed();
    await presence.settled();
    expect(presence.lines).toEqual(['online alice']);
    expect(await presence.service(0).isOnline('alice')).toBe(true);

    await last?.closed();
    await presence.settled();
    expect(presence.lines).toEqual(['online alice', 'offline alice']);
    expect(await presence.service(2).isOnline('alice')).toBe(false);
  });

  it('reports a change with the user, the time and the reporting instance', async () => {
    await start(2);
    const before = Date.now();
    const device = await presence.connect(1, 'alice');
    await presence.reports('online alice');
    await device.closed();
    await presence.reports('online alice', 'offline alice');

    const instanceId = instanceIdOf(presence.cluster.instance(1));
    const [online, offline] = presence.log.changes;
    expect([online, offline]).toEqual([
      { type: 'online', userId: 'alice', status: null, at: online?.at, instanceId },
      { type: 'offline', userId: 'alice', status: null, at: offline?.at, instanceId },
    ]);
    expect(online?.at).toBeGreaterThanOrEqual(before);
    expect(offline?.at).toBeGreaterThanOrEqual(online?.at ?? Infinity);
    expect(offline?.at).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    ['the same instance', 0],
    ['another instance', 1],
  ])('a user who comes back to %s within the grace period was never offline', async (_, to) => {
    await start(2, GRACE);
    let device = await presence.connect(0, 'alice');
    let isInTime = true;
    for (let times = 0; times < 3; times++) {
      const wentAt = Date.now();
      await device.closed();
      device = await presence.connect(to, 'alice');
      isInTime &&= Date.now() < wentAt + GRACE_MS;
    }
    await presence.settled();

    if (!isInTime) return;
    expect(presence.lines).toEqual(['online alice']);
    expect(await presence.service(1).isOnline('alice')).toBe(true);
  });

  it('a user who comes back after the grace period was offline', async () => {
    await start(2, { presence: { graceMs: 60 } });
    const device = await presence.connect(0, 'alice');
    await device.closed();
    await presence.reports('online alice', 'offline alice');
    await presence.connect(1, 'alice');
    await presence.settled();

    expect(presence.lines).toEqual(['online alice', 'offline alice', 'online alice']);
    const [online, offline] = presence.log.changes.filter(({ userId }) => userId === 'alice');
    expect((offline?.at ?? 0) - (online?.at ?? 0)).toBeGreaterThanOrEqual(60);
  });

  it('a user stays online until the grace period is over, and was last seen when the last device left', async () => {
    await start(2, GRACE);
    const device = await presence.connect(0, 'alice');
    await presence.isOnline('alice', true, 1);
    const wentAt = Date.now();
    await device.closed();

    const service = presence.service(1);
    const meanwhile = await Promise.all([service.isOnline('alice'), service.count()]);
    const isInTime = Date.now() < wentAt + GRACE_MS;
    expect(isInTime ? meanwhile : [true, 1]).toEqual([true, 1]);
    await presence.isOnline('alice', false, 1);
    await presence.reports('online alice', 'offline alice');
    const { at = 0 } = presence.log.changes.at(-1) ?? {};
    const seen = (await presence.service(1).lastSeen('alice')) ?? 0;
    expect(at - seen).toBeGreaterThanOrEqual(GRACE_MS);
    expect(seen).toBeGreaterThanOrEqual(wentAt);
  });

  it('reports a user who connects and disconnects at once', async () => {
    await start(2);
    const visits = Array.from({ length: 20 }, async (_, index) => {
      const client = await presence.connect(index % 2, `visitor-${index}`);
      client.close();
    });
    await Promise.all(visits);
    await presence.settled();

    for (let index = 0; index < 20; index++) {
      const own = presence.lines.filter((line) => line.endsWith(`visitor-${index}`));
      expect(own).toEqual([`online visitor-${index}`, `offline visitor-${index}`]);
    }
    expect(await presence.service(0).count()).toBe(0);
  });

  it('reports a user whom the gateway disconnects at once, too', async () => {
    await start(2);
    const client = TestClient.open(presence.cluster.instance(0).url, {
      token: 'alice',
      namespace: '/unkind',
    });
    await client.connected();
    await presence.settled();
    client.close();

    expect(presence.lines).toEqual(['online alice', 'offline alice']);
    expect(await presence.service(1).isOnline('alice')).toBe(false);
  });

  it('reports users who connect and disconnect at once on all instances once each', async () => {
    await start(3, { presence: { graceMs: 50 } });
    const users = Array.from({ length: 50 }, (_, index) => `user-${index}`);
    const connectAll = () =>
      Promise.all(
        users.flatMap((user) => [0, 1, 2].map((instance) => presence.connect(instance, user))),
      );

    for (let round = 1; round <= 2; round++) {
      const devices = await connectAll();
      await presence.settled();
      for (const device of devices) device.close();
      await presence.settled();
      const visits = Array.from({ length: round }, () => users).flat();
      expect(inAnyOrder(presence.lines)).toEqual(
        inAnyOrder(visits.flatMap((user) => [`online ${user}`, `offline ${user}`])),
      );
      expect(await presence.service(round).count()).toBe(0);
    }
    const last = new Map<string, string>();
    for (const { userId, type } of presence.log.changes) {
      expect([userId, type]).not.toEqual([userId, last.get(userId)]);
      last.set(userId, type);
    }
  });

  it('reports no user twice when devices connect and disconnect at once', async () => {
    await start(3);
    const flapping = [0, 1, 2].map(async (instance) => {
      for (let times = 0; times < 10; times++) {
        const device = await presence.connect(instance, 'alice');
        await device.closed();
      }
    });
    await Promise.all(flapping);
    await presence.settled();

    const types = inTurn(presence.log.changes.filter(({ userId }) => userId === 'alice'));
    expect(types).toEqual(types.map((_, index) => (index % 2 === 0 ? 'online' : 'offline')));
    expect(types.length % 2).toBe(0);
    expect(await presence.service(0).isOnline('alice')).toBe(false);
  });

  it('ignores anonymous sockets', async () => {
    await start(2);
    const anonymous = await presence.cluster.instance(0).connect();
    await presence.settled();
    expect(await presence.service(1).count()).toBe(0);
    anonymous.close();
    await presence.settled();

    expect(presence.lines).toEqual([]);
  });

  it('accepts user ids unchanged', async () => {
    const userIds = [
      'Jürgen 😀 李',
      'a\nb\r\nc',
      ',a,,b.0,',
      '?!*?',
      ' ',
      'a\0b',
      'online:1:a/b:{c}',
      `"'\\`,
      // The longest name that `limits.nameBytes` allows.
      'x'.repeat(256),
      '__proto__',
    ];
    await start(2);
    const devices = await Promise.all(userIds.map((userId) => presence.connect(0, userId)));
    for (const userId of userIds) await presence.isOnline(userId, true, 1);
    const [near, far] = [presence.service(0), presence.service(1)];
    expect(await far.areOnline([...userIds, 'a'])).toEqual(
      new Map<string, boolean>([...userIds.map((userId) => [userId, true] as const), ['a', false]]),
    );
    const { userIds: listed } = await far.onlineUsers();
    expect([...listed].toSorted()).toEqual(userIds.toSorted());
    for (const userId of userIds) {
      expect(await far.setStatus(userId, userId.slice(0, 10))).toBe(true);
      expect(await near.statusOf(userId)).toBe(userId.slice(0, 10));
    }
    for (const device of devices) device.close();
    await presence.settled();

    for (const userId of userIds) {
      const own = presence.log.changes.filter((change) => change.userId === userId);
      expect(own.map(({ type }) => type)).toEqual(['online', 'status', 'offline']);
      expect(await near.lastSeen(userId)).toEqual(expect.any(Number));
    }
  });

  it('treats a number and its digits as one user', async () => {
    await start(2);
    await presence.connect(0, '42');
    await presence.isOnline('42', true, 1);
    const service = presence.service(1);

    expect(await service.isOnline(42)).toBe(true);
    expect(await service.areOnline([42, '42', 42n, 7])).toEqual(
      new Map([
        ['42', true],
        ['7', false],
      ]),
    );
    expect(await service.setStatus(42, 'away')).toBe(true);
    expect(await service.statusOf('42')).toBe('away');
  });
});
