import { afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis-v5';
import { until } from '../../support/until.js';

let interceptCommands: typeof import('../../../src/redis/ioredis-internals.js').interceptCommands;
let redisPubSub: typeof import('../../support/redis-pub-sub.js').redisPubSub;
// The app, and so this library, has ioredis 5. What imports ioredis is loaded afterwards.
beforeAll(async () => {
  jest.doMock('ioredis', () => jest.requireActual('ioredis-v5'));
  ({ interceptCommands } = await import('../../../src/redis/ioredis-internals.js'));
  ({ redisPubSub } = await import('../../support/redis-pub-sub.js'));
});

const url = process.env['TEST_REDIS_URL'] ?? '';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function create(options: { username?: string; password?: string } = {}): Redis {
  const client = new Redis(url, options);
  ends.push(() => {
    client.disconnect();
  });
  return client;
}

it('a client of the app on ioredis 5 gets the lean PUBLISH, in order with the commands of the app', async () => {
  const [publisher, subscriber] = [create(), create()];
  const { pubSub, logger } = redisPubSub({ redis: { publisher, subscriber } });
  ends.push(() => pubSub.close());
  const received: string[] = [];
  pubSub.onMessage((_, message) => received.push(message.toString()));
  await pubSub.connect();
  await pubSub.subscribe('lean-5');
  const publishes: boolean[] = [];
  const restore = interceptCommands(publisher, (command, send) => {
    if (command.name === 'publish') publishes.push(Object.hasOwn(command, 'callback'));
    return send();
  });

  const receivers = await Promise.all([
    pubSub.publish('lean-5', Buffer.from('first')),
    publisher.publish('lean-5', 'of the app'),
    pubSub.publish('lean-5', Buffer.from('üñí\r\n')),
    pubSub.publish('lean-5:nobody', Buffer.from('x')),
  ]);
  restore();

  expect(receivers).toEqual([1, 1, 1, 0]);
  expect(publishes).toEqual([false, true, false, false]);
  await until(
    () => received.length === 3,
    () => received.join(),
  );
  expect(received).toEqual(['first', 'of the app', 'üñí\r\n']);
  expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([]);
  await pubSub.close();
  expect(await publisher.publish('lean-5', 'after the end')).toBe(0);
});

it('a refusal by Redis reaches the caller on ioredis 5, and the client goes on', async () => {
  const admin = create();
  const username = `lean-5-${process.pid}`;
  await admin.call('ACL', 'SETUSER', username, 'on', 'nopass', '~*', 'allchannels', '+@all');
  ends.push(() => admin.call('ACL', 'DELUSER', username));
  const publisher = create({ username, password: 'any' });
  const { pubSub } = redisPubSub({ redis: { publisher, subscriber: create() } });
  ends.push(() => pubSub.close());
  await pubSub.connect();
  await admin.call('ACL', 'SETUSER', username, 'resetchannels');
  await expect(pubSub.publish('lean-5', Buffer.from('x'))).rejects.toMatchObject({
    code: 'redis.permission',
  });
  await admin.call('ACL', 'SETUSER', username, 'allchannels');
  expect(await pubSub.publish('lean-5', Buffer.from('x'))).toBe(0);
});
