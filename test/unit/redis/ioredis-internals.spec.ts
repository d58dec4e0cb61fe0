import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster as Cluster6, Redis as Redis6 } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis-v5';
import type { RedisClient } from '../../../src/index.js';
import {
  clientFaults,
  clusterFaults,
  isClusterClient,
} from '../../../src/redis/ioredis-internals.js';
import type { AppClient } from '../../support/borrowed-clients.js';
import { ExternalClient } from '../../support/external-client.js';
import { redisPubSub, type TestPubSub } from '../../support/redis-pub-sub.js';
import { until } from '../../support/until.js';

const url = process.env['TEST_REDIS_URL'] ?? '';
const NODES = [{ host: '127.0.0.1', port: 7_000 }];
const VERSIONS: [string, () => AppClient, () => RedisClient][] = [
  ['6', () => new Redis6(url), () => new Cluster6(NODES, { lazyConnect: true })],
  ['5', () => new Redis5(url), () => new Cluster5(NODES, { lazyConnect: true })],
];

type Changes = Record<string, unknown>;

/** A client that shows this library other members than ioredis itself sees. */
function changed<T extends object>(client: T, changes: Changes): T {
  return new Proxy(client, {
    get(target, name) {
      if (Object.hasOwn(changes, name)) return changes[String(name)];
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

describe.each(VERSIONS)(
  'ioredis %s has every private member that is used',
  (_, createClient, createCluster) => {
    it('on an open connection', async () => {
      const client = createClient();
      await until(
        () => client.status === 'ready',
        () => client.status,
      );
      expect(clientFaults(client)).toEqual([]);
      await client.subscribe('private-members');
      expect(clientFaults(client)).toEqual([]);
      client.disconnect();
    });

    it('on a Cluster', () => {
      const cluster = createCluster();
      expect(isClusterClient(cluster) && clusterFaults(cluster)).toEqual({
        faults: [],
        unusable: false,
      });
    });
  },
);

describe('a client of ioredis whose private members have changed', () => {
  const open: TestPubSub[] = [];
  const clients: AppClient[] = [];

  const create = (): AppClient => {
    const client = new Redis6(url);
    clients.push(client);
    return client;
  };

  /** @param changes of the client of each role */
  function withChanged(changes: { publisher?: Changes; subscriber?: Changes }) {
    const publisher = changed(create(), changes.publisher ?? {});
    const subscriber = changed(create(), changes.subscriber ?? {});
    const made = redisPubSub({ redis: { publisher, subscriber } });
    open.push(made);
    const received: string[] = [];
    made.pubSub.onMessage((channel, message) => received.push(`${channel} ${message.toString()}`));
    return { ...made, publisher, subscriber, received };
  }

  afterEach(async () => {
    await Promise.all(open.splice(0).map(({ pubSub }) => pubSub.close()));
    for (const client of clients.splice(0)) client.disconnect();
  });

  it('is used all the same, and one warning names the version and the members', async () => {
    const changes = { stream: undefined, condition: { channels: 'renamed' } };
    const { pubSub, logger, reporter, received } = withChanged({
      publisher: changes,
      subscriber: changes,
    });
    await pubSub.connect();
    await pubSub.subscribe('changed:a');
    expect(await pubSub.publish('changed:a', Buffer.from('hello'))).toBe(1);
    await until(
      () => received.length > 0,
      () => received.join(),
    );
    expect(received).toEqual(['changed:a hello']);
    const members = ['stream.bytesRead', 'stream.cork', 'condition.subscriber'];
    const named = members.map((member) => `Redis.${member}`).join(', ');
    const warning = new RegExp(
      `^warn internals\\.changed: ioredis \\d+\\.\\d+\\.\\d+\\S*: not as expected: ${named}\\. Public`,
    );
    expect(logger.lines).toEqual([expect.stringMatching(warning), 'log Connected to Redis.']);
    expect(reporter.counts()).toMatchObject({ 'internals.changed': 1 });
  });

  it('loses no subscription to an UNSUBSCRIBE of the app without channels', async () => {
    const { pubSub, subscriber } = withChanged({ subscriber: { condition: undefined } });
    await pubSub.connect();
    await pubSub.subscribe('changed:kept');
    const external = new ExternalClient(url);
    await subscriber.unsubscribe();
    await until(
      async () => (await external.redis.publish('changed:kept', 'x')) === 1,
      () => 'the channel to be subscribed again',
    );
    expect(pubSub.isSubscribed('changed:kept')).toBe(true);
    external.close();
  });

  it('is refused for a Cluster that does not show its slots', async () => {
    const [publisher, subscriber] = [1, 2].map(() =>
      changed(new Cluster6(NODES, { lazyConnect: true }), { slots: undefined }),
    );
    if (publisher === undefined || subscriber === undefined) throw new Error('there are two');
    const { pubSub } = redisPubSub({ redis: { publisher, subscriber } });
    await expect(pubSub.connect()).rejects.toMatchObject({
      code: 'redis.unsupported-client',
      message: expect.stringMatching(/^ioredis \d+\.\d+\.\d+\S* .*Cluster\.slots/),
    });
    await pubSub.close();
  });
});
