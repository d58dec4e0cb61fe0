import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { watchedPubSub, type WatchedPubSub } from '../../support/watched-pub-sub.js';

const COMMANDS = /\*\d+\r\n\$\d+\r\n(\w+)\r\n(?:\$\d+\r\n([\w-]+)\r\n)?/g;

/** A Sentinel that gives this reply to each command, or none. */
class FakeSentinel {
  private readonly sockets = new Set<Socket>();
  asked = 0;

  private constructor(private readonly server: Server) {}

  static async that(answers: (command: string) => string | undefined): Promise<FakeSentinel> {
    const sentinel = new FakeSentinel(createServer());
    const { server, sockets } = sentinel;
    server.on('connection', (socket) => {
      sockets.add(socket);
      sentinel.asked++;
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        for (const [, command = '', argument = ''] of bytes.toString().matchAll(COMMANDS)) {
          socket.write(answers(`${command} ${argument}`.toLowerCase()) ?? '');
        }
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return sentinel;
  }

  get address() {
    return { host: '127.0.0.1', port: (this.server.address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }
}

describe('a Sentinel that accepts connections and sends nothing', () => {
  let redis: RunningRedis;
  let sentinels: FakeSentinel[];
  let watched: WatchedPubSub;

  beforeEach(async () => {
    redis = await startOwnRedis();
    const answer = (command: string): string => {
      if (command.startsWith('hello')) return "-ERR unknown command 'HELLO'\r\n";
      if (!command.startsWith('sentinel')) return '+OK\r\n';
      const port = String(redis.port);
      return command === 'sentinel sentinels'
        ? '*0\r\n'
        : `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`;
    };
    sentinels = [await FakeSentinel.that(() => undefined), await FakeSentinel.that(answer)];
  });
  afterEach(async () => {
    await watched.pubSub.close();
    for (const sentinel of sentinels) await sentinel.close();
    await redis.stop();
  });

  it('is given up, and the next one is asked', async () => {
    watched = watchedPubSub({
      redis: { sentinels: sentinels.map(({ address }) => address), name: 'main' },
    });
    await watched.pubSub.connect();
    await watched.reaches('ready');
    expect(sentinels[0]?.asked).toBeGreaterThan(0);
    await watched.pubSub.subscribe('a');
    expect(await watched.pubSub.publish('a', Buffer.from('hello'))).toBe(1);
  });
});
