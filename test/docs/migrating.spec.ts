import { WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { RedisService } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const CHANNEL = 'my-app:news';
const INSTANCES = 3;

/** As in docs/migrating: every instance emits every message that it receives. */
@WebSocketGateway()
class NewsFromRedis {
  @WebSocketServer() private readonly server!: Server;
  heard = 0;

  constructor(redis: RedisService) {
    redis.fromEvent<string>(CHANNEL).subscribe(() => {
      this.server.emit('from-server');
      this.server.local.emit('from-local');
      this.heard++;
    });
  }
}

describe('two ways of sending at once, as docs/migrating warns', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('a remaining fan-out sends everything once for each instance; local emits do not', async () => {
    cluster = await givenCluster().of(INSTANCES).with(NewsFromRedis).start();
    const clients = await Promise.all(cluster.instances.map((instance) => instance.connect()));

    await cluster.instance(0).redis.publish(CHANNEL, 'news');

    await until(
      () => cluster.instances.every(({ app }) => app.get(NewsFromRedis).heard === 1),
      () => 'every instance to hear it',
    );
    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.events.filter((event) => event === 'from-server')).toHaveLength(INSTANCES);
      expect(client.events.filter((event) => event === 'from-local')).toHaveLength(1);
    }
  });
});
