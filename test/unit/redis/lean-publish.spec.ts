import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'node:net';
import { Command, Redis, type RedisOptions } from 'ioredis';
import { Redis as Redis5 } from 'ioredis-v5';
import type { RedisClient } from '../../../src/index.js';
import {
  clientFaults,
  interceptCommands,
  publishOn,
  streamOf,
  type PublishOutcome,
} from '../../../src/redis/ioredis-internals.js';
import { until } from '../../support/until.js';

const url = process.env['TEST_REDIS_URL'] ?? '';

/** The outcome of a publish, and a promise of it. */
function outcome(): PublishOutcome {
  let functions: Omit<PublishOutcome, 'promise'> | undefined;
  const promise = new Promise<number>((resolve, reject) => {
    functions = { resolve, reject };
  });
  if (functions === undefined) throw new Error('a promise calls its function at once');
  return { promise, ...functions };
}

/** @returns the number of receivers */
function publish(client: RedisClient, channel: string, message: Buffer): Promise<number> {
  const ended = outcome();
  publishOn(client)(channel, message, ended);
  return ended.promise;
}

/** Whether the client gets a command of this library, instead of one that ioredis made. */
async function isLean(client: RedisClient): Promise<boolean> {
  const commands: object[] = [];
  const restore = interceptCommands(client, (command, send) => {
    if (command.name === 'publish') commands.push(command);
    return send();
  });
  await publish(client, 'lean:asked', Buffer.from('x'));
  restore();
  return commands.every((command) => !Object.hasOwn(command, 'callback')) && commands.length > 0;
}

describe('a lean PUBLISH', () => {
  const clients: { disconnect(): void }[] = [];

  const track = <C extends { disconnect(): void }>(client: C): C => {
    clients.push(client);
    return client;
  };
  const create = (options: RedisOptions = {}): Redis => track(new Redis(url, options));

  async function subscriberOf(channel: string): Promise<Buffer[]> {
    const subscriber = create();
    const received: Buffer[] = [];
    subscriber.on('messageBuffer', (_, message: Buffer) => received.push(message));
    await subscriber.subscribe(channel);
    return received;
  }

  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });

  it.each(['lean:plain', 'lean:üñí 漢字 😀', 'lean:line\r\nbreak'])(
    'reaches the channel %j with any bytes, in order with the other commands of the client',
    async (channel) => {
      const received = await subscriberOf(channel);
      const publisher = create();
      const messages = [
        Buffer.alloc(0),
        Buffer.from('\r\n*1\r\n'),
        Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)),
        Buffer.alloc(300_000, 'x'),
      ];
      const outcomes = messages.map((message) => publish(publisher, channel, message));
      const between = publisher.publish(channel, Buffer.from('of ioredis'));
      outcomes.push(between, publish(publisher, channel, Buffer.from('last')));
      expect(await Promise.all(outcomes)).toEqual([1, 1, 1, 1, 1, 1]);
      await until(
        () => received.length === 6,
        () => `${received.length} messages`,
      );
      expect(messages.map((message, i) => received[i]?.equals(message))).toEqual([
        true,
        true,
        true,
        true,
      ]);
      expect(received.slice(4).map(String)).toEqual(['of ioredis', 'last']);
      expect(await publish(publisher, 'lean:nobody', Buffer.from('x'))).toBe(0);
    },
  );

  it.each([
    [16_383, false],
    [16_384, true],
  ])(
    'does not copy a message of %p bytes while writes are gathered: %p',
    async (length, isUncopied) => {
      const received = await subscriberOf('lean:large');
      const publisher = create();
      await publisher.ping();
      const stream = streamOf(publisher);
      const write = jest.spyOn(stream as Socket, 'write');
      const large = Buffer.alloc(length, 'x');

      stream?.cork();
      const outcomes = ['a', large, 'b'].map((message) =>
        publish(publisher, 'lean:large', Buffer.isBuffer(message) ? message : Buffer.from(message)),
      );
      stream?.uncork();

      expect(await Promise.all(outcomes)).toEqual([1, 1, 1]);
      await until(
        () => received.length === 3,
        () => `${received.length} messages`,
      );
      expect(received.map(String)).toEqual(['a', String(large), 'b']);
      expect(write.mock.calls.some(([data]) => (data as unknown) === large)).toBe(isUncopied);
    },
  );

  it('fails with the error of Redis, and with that of a connection that ends', async () => {
    const admin = create();
    const user = `lean-${process.pid}`;
    await admin.call('ACL', 'SETUSER', user, 'on', 'nopass', '~*', 'resetchannels', '+@all');
    const publisher = create({ username: user, password: 'any', maxRetriesPerRequest: 0 });
    await publisher.ping();
    await expect(publish(publisher, 'lean:forbidden', Buffer.from('x'))).rejects.toThrow(/NOPERM/);
    await admin.call('ACL', 'SETUSER', user, 'allchannels');
    const pending = publish(publisher, 'lean:cut', Buffer.from('x'));
    streamOf(publisher)?.destroy();
    await expect(pending).rejects.toThrow(/max retries/);
    await admin.call('ACL', 'DELUSER', user);
  });

  it('can be wrapped by code that traces the commands of ioredis', async () => {
    const publisher = create();
    await publisher.ping();
    const seen: unknown[] = [];
    const { sendCommand } = publisher;
    publisher.sendCommand = function (this: Redis, command, ...rest) {
      const { resolve } = command;
      command.resolve = (reply) => {
        seen.push([command.name, command.args.map(String), reply]);
        // As OpenTelemetry does: without `this`.
        resolve(reply);
      };
      return sendCommand.call(this, command, ...rest);
    };
    expect(await publish(publisher, 'lean:traced', Buffer.from('x'))).toBe(0);
    expect(seen).toEqual([['publish', ['lean:traced', 'x'], 0]]);
  });

  it.each<[string, boolean, () => RedisClient]>([
    ['is used on a client of ioredis', true, () => create()],
    ['is not used on one of another copy', false, () => track(new Redis5(url))],
    [
      'is not used where publish() is wrapped',
      false,
      () => {
        const client = create();
        return Object.assign(client, { publish: client.publish.bind(client) });
      },
    ],
    ['is not used with a time limit', false, () => create({ commandTimeout: 20_000 })],
    ['is not used with stacks in errors', false, () => create({ showFriendlyErrorStack: true })],
    ['is not used with auto-pipelining', false, () => create({ enableAutoPipelining: true })],
  ])('%s', async (_, lean, client) => {
    expect(await isLean(client())).toBe(lean);
  });

  it('is not used while publish() is wrapped later', async () => {
    const client = create();
    await client.ping();
    const wrapped: string[] = [];
    const publishing = publishOn(client);
    const first = outcome();
    publishing('lean:first', Buffer.from('x'), first);
    const { publish: own } = client;
    Object.assign(client, {
      publish: (channel: string, message: Buffer) => {
        wrapped.push(channel);
        return own.call(client, channel, message);
      },
    });
    const second = outcome();
    publishing('lean:second', Buffer.from('x'), second);
    expect(await Promise.all([first.promise, second.promise])).toEqual([0, 0]);
    expect(wrapped).toEqual(['lean:second']);
  });

  it('is not used once the commands of ioredis have a member that is not known', async () => {
    const client = create();
    await client.ping();
    expect(clientFaults(client)).toEqual([]);
    Object.defineProperty(Command.prototype, 'renew', { configurable: true, value: () => {} });
    try {
      expect(clientFaults(client)).toEqual(['Command.renew']);
      expect(await isLean(client)).toBe(false);
    } finally {
      Reflect.deleteProperty(Command.prototype, 'renew');
    }
  });
});
