import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import {
  PresenceService,
  RedisPropagatorService,
  RedisService,
  type RedisConnection,
} from '../../src/index.js';
import type { AppClient } from '../support/borrowed-clients.js';
import { OwnRedisApps } from '../support/own-redis-apps.js';
import type { RunningRedis } from '../support/own-redis.js';
import { until } from '../support/until.js';

const versions: [string, (url: string) => AppClient][] = [
  ['ioredis 6', (url) => new Redis(url)],
  ['ioredis 5', (url) => new Redis5(url)],
];

/** Some versions of ioredis 5 pass on the reply to the command after AUTH. */
const WRONG_PASSWORD = /WRONGPASS|NOAUTH/;

describe('an app with a mistake in its Redis configuration', () => {
  let given: OwnRedisApps;
  let redis: RunningRedis;

  const server = (...args: string[]) => given.server(...args);
  const start = (connection: RedisConnection, prefix = 'my-app') =>
    given.app({ redis: connection, prefix });
  const clientOf = (create: (url: string) => AppClient, url: string) =>
    given.readyClient(create(url));
  /** Expects that the start fails, and that no line says it retries. */
  const expectRefusal = async (connection: RedisConnection, code: string, says: RegExp) => {
    const refusal = start(connection);
    await expect(refusal).rejects.toMatchObject({ code });
    await expect(refusal).rejects.toThrow(says);
    const told = [
      ...given.logger.lines,
      String(await refusal.catch((error: unknown) => error)),
    ].join();
    expect(told).not.toMatch(/retrying/i);
    expect(told).not.toContain('hunter2');
  };

  beforeEach(async () => {
    given = new OwnRedisApps();
    redis = await server();
  });
  afterEach(() => given.end());

  it('does not start with TLS on a port without TLS, and says so', async () => {
    expect.hasAssertions();
    const { host, port } = redis;
    const says = new RegExp(`Redis at ${host}:${port} does not speak TLS.*redis://`);
    await expectRefusal(`rediss://${host}:${port}`, 'redis.tls', says);
    await expectRefusal({ host, port, tls: {} }, 'redis.tls', says);
    await expectRefusal({ url: `rediss://${host}:${port}`, tls: { ca: 'x' } }, 'redis.tls', says);
    await expectRefusal(
      { nodes: [{ host, port }], options: { redisOptions: { tls: {} } } },
      'redis.tls',
      says,
    );
  });

  it('does not start with TLS on a port without TLS that requires a password', async () => {
    expect.hasAssertions();
    const { host, port } = await server('--requirepass', 'right-hunter2');
    await expectRefusal(
      `rediss://:wrong-hunter2@${host}:${port}`,
      'redis.tls',
      /does not speak TLS/,
    );
  });

  it('does not start with a server of another kind, and names the kind', async () => {
    expect.hasAssertions();
    const { host, port } = redis;
    const code = 'redis.wrong-server';
    await expectRefusal({ nodes: [{ host, port }] }, code, /is no Cluster.*in place of { nodes }/);
    await expectRefusal({ sentinels: [{ host, port }], name: 'main' }, code, /is no Sentinel/);
    const html = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
    const web = createServer((socket) => socket.on('error', () => {}).end(html));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    try {
      const { port: webPort } = web.address() as AddressInfo;
      await expectRefusal({ host: '127.0.0.1', port: webPort }, code, /is no Redis.*the port/);
    } finally {
      web.close();
    }
  });

  it('does not start on a replica, nor without INFO unless configured to', async () => {
    const replica = await server('--replicaof', redis.host, String(redis.port));
    const operator = await clientOf((url) => new Redis(url), replica.url);
    await until(
      async () => /master_link_status:up/.test(String(await operator.call('INFO', 'replication'))),
      () => 'the replica',
    );
    const code = 'redis.wrong-server';
    await expectRefusal(replica.url, code, /is a replica \(.*address of the primary/);
    const { host, port } = await server('--rename-command', 'INFO', '');
    await expectRefusal({ host, port }, code, /without INFO \(.*Write enableReadyCheck: false/);
    const app = await start({ host, port, enableReadyCheck: false });
    expect(await app.get(PresenceService).count()).toBe(0);
  });

  it('does not start on one node of a Cluster as if it were a single Redis', async () => {
    expect.hasAssertions();
    const node = await server('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no');
    const operator = await clientOf((url) => new Redis(url), node.url);
    const other = await server('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no');
    const second = await clientOf((url) => new Redis(url), other.url);
    await operator.call('CLUSTER', 'ADDSLOTSRANGE', '0', '8191');
    await second.call('CLUSTER', 'ADDSLOTSRANGE', '8192', '16383');
    await operator.call('CLUSTER', 'MEET', other.host, String(other.port));
    for (const client of [operator, second]) {
      await until(
        async () => {
          const info = String(await client.call('CLUSTER', 'INFO'));
          return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:2');
        },
        () => 'the Cluster',
      );
    }
    const says = /is a node of a Cluster \(.*MOVED.*Write { nodes/;
    await expectRefusal(node.url, 'redis.wrong-server', says);
    await expectRefusal(other.url, 'redis.wrong-server', says);
  });

  it('does not start without a password, or with a wrong one', async () => {
    expect.hasAssertions();
    const { host, port } = await server('--requirepass', 'right-hunter2');
    const nodes = [{ host, port }];
    await expectRefusal({ host, port }, 'redis.permission', /NOAUTH.*option "redis"/);
    await expectRefusal({ host, port, enableReadyCheck: false }, 'redis.permission', /NOAUTH/);
    await expectRefusal({ nodes }, 'redis.permission', /NOAUTH/);
    const password = 'wrong-hunter2';
    await expectRefusal({ host, port, password }, 'redis.permission', WRONG_PASSWORD);
    await expectRefusal(
      { host, port, username: 'nobody', password },
      'redis.permission',
      WRONG_PASSWORD,
    );
    await expectRefusal(
      `redis://someone:${password}@${host}:${port}`,
      'redis.permission',
      WRONG_PASSWORD,
    );
    await expectRefusal(
      { url: `redis://${host}:${port}`, password },
      'redis.permission',
      WRONG_PASSWORD,
    );
    await expectRefusal(
      { nodes, options: { redisOptions: { password } } },
      'redis.permission',
      WRONG_PASSWORD,
    );
  });

  describe.each(versions)('with its own clients of %s,', (_, create) => {
    const lend = async (publisher: string, subscriber: string) => ({
      publisher: await clientOf(create, publisher),
      subscriber: await clientOf(create, subscriber),
    });

    it('does not start if it publishes to the primary and subscribes on a replica', async () => {
      expect.hasAssertions();
      const replica = await server('--replicaof', redis.host, String(redis.port));
      const operator = await clientOf(create, replica.url);
      await until(
        async () =>
          /master_link_status:up/.test(String(await operator.call('INFO', 'replication'))),
        () => 'the replica',
      );
      // PUBLISH counts this subscriber as well.
      const onlooker = given.client(new Redis(redis.url));
      await onlooker.psubscribe('*');
      await expectRefusal(
        await lend(redis.url, replica.url),
        'redis.not-heard',
        /receives its own messages, but Redis does not count.*replica/,
      );
      await expectRefusal(
        await lend(replica.url, redis.url),
        'redis.not-heard',
        /does not receive its own messages/,
      );
      // Both on the primary work, with that subscriber still there.
      await start(await lend(redis.url, redis.url));
    });

    it('does not start if it publishes to another Redis than the one it subscribes on', async () => {
      expect.hasAssertions();
      const other = await server();
      await expectRefusal(
        await lend(redis.url, other.url),
        'redis.not-heard',
        /another.*same server/,
      );
    });

    it('does not start with a client that was ended', async () => {
      expect.hasAssertions();
      for (const role of ['publisher', 'subscriber'] as const) {
        const lent = await lend(redis.url, redis.url);
        lent[role].disconnect();
        await until(
          () => lent[role].status === 'end',
          () => 'the end of the client',
        );
        const says = new RegExp(`"redis.${role}": got a client that was ended.*pass a new one`);
        await expectRefusal(lent, 'option.invalid', says);
      }
    });

    it('does not start while another app is subscribed with the same client', async () => {
      const lent = await lend(redis.url, redis.url);
      const first = await start(lent, 'one');
      const before = lent.subscriber.listenerCount('messageBuffer');
      for (const prefix of ['one', 'two']) {
        const refusal = start(lent, prefix);
        await expect(refusal).rejects.toMatchObject({ code: 'option.invalid' });
        await expect(refusal).rejects.toThrow(
          /"redis.subscriber": got a client that another app.*publisher.duplicate\(\)/,
        );
      }
      expect(lent.subscriber.listenerCount('messageBuffer')).toBe(before);
      const second = await start({ ...lent, subscriber: await clientOf(create, redis.url) }, 'one');
      // The first one receives messages as before, and is counted.
      const got: unknown[] = [];
      first
        .get(RedisService)
        .fromEvent('x')
        .subscribe((value) => got.push(value));
      await until(
        async () => (await second.get(RedisService).publish('x', 1)) === 1,
        () => 'the subscription',
      );
      await until(
        () => got.length > 0,
        () => 'the message',
      );
      await first.close();
      await start(lent, 'one');
    });
  });

  it('with keyPrefix on its connections uses the same names of channels and keys as without', async () => {
    const { host, port } = redis;
    const one = await start({ host, port, keyPrefix: 'mine:' });
    await start({ host, port });
    const operator = await clientOf((url) => new Redis(url), redis.url);
    await until(
      async () => {
        const { complete } = await one
          .get(RedisPropagatorService)
          .requestUser({ userId: 'a', event: 'x' });
        return complete;
      },
      () => 'both instances to answer',
    );
    expect(await one.get(PresenceService).count()).toBe(0);
    const keys = String(await operator.call('KEYS', '*'));
    expect(keys).not.toContain('mine:');
  });
});
