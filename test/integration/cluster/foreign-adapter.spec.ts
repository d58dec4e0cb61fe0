import { afterEach, describe, expect, it } from '@jest/globals';
import { NestFactory } from '@nestjs/core';
import type { INestApplication } from '@nestjs/common';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import type { Server, ServerOptions } from 'socket.io';
import { RedisPropagatorModule, SocketStateAdapter } from '../../../src/index.js';
import { InMemoryPubSub } from '../../../src/testing/index.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';

const INSTEAD = /"adapter".*another adapter of Socket.IO.*Leave it out/s;

describe('another adapter beside ours', () => {
  const clients: Redis[] = [];
  let app: INestApplication | undefined;
  let cluster: TestCluster | undefined;
  afterEach(async () => {
    await app?.close();
    await cluster?.close();
    await Promise.all(clients.splice(0).map((client) => client.quit()));
    app = cluster = undefined;
  });

  function redisAdapter(): ReturnType<typeof createAdapter> {
    const publisher = new Redis(testRedisUrl());
    clients.push(publisher, publisher.duplicate());
    return createAdapter(publisher, clients.at(-1));
  }

  it('as an option of the server stops the start, with the remedy', async () => {
    class BothAdapters extends SocketStateAdapter {
      override createIOServer(port: number, options?: ServerOptions): Server {
        const adapter = redisAdapter();
        return super.createIOServer(port, { ...options, adapter } as unknown as ServerOptions);
      }
    }
    class AppModule {}
    const imports = [RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub() })];
    app = await NestFactory.create(
      { module: AppModule, imports, providers: [PlainGateway] },
      { logger: false, abortOnError: false },
    );
    app.useWebSocketAdapter(new BothAdapters(app));
    await expect(app.listen(0, '127.0.0.1')).rejects.toThrow(INSTEAD);
  });

  it('cannot be set later, and events still work', async () => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    expect(() => serverOf(cluster!, 0).adapter(redisAdapter())).toThrow(INSTEAD);

    const client = await cluster.instance(1).connect({ token: 'alice' });
    serverOf(cluster, 0).emit('n', 1);
    await client.waitFor('n');
    serverOf(cluster, 0).of('/later').emit('n', 2);
    await cluster.settled(client);
    expect(client.data('n')).toEqual([1]);
  });
});
