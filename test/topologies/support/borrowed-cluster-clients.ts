import assert from 'node:assert/strict';
import type { RedisClient } from '../../../src/index.js';
import { until } from '../../support/until.js';
import type { RunningCluster } from '../../../scripts/redis/topologies/cluster.mjs';

/** The methods of an app's Cluster client that the tests call themselves. */
export interface AppCluster extends RedisClient {
  eventNames(): (string | symbol)[];
  listenerCount(event: string | symbol): number;
}

function listenersOf(client: AppCluster): Record<string, number> {
  return Object.fromEntries(
    client.eventNames().map((name) => [String(name), client.listenerCount(name)]),
  );
}

/** Two Cluster clients of an app that the library borrows while the app uses them itself. */
export class BorrowedClusterClients {
  private readonly received: string[] = [];
  private readonly listenersBefore: Record<string, number>[];

  private constructor(
    readonly clients: { publisher: AppCluster; subscriber: AppCluster },
    private readonly channel: string,
  ) {
    clients.subscriber.on('messageBuffer', (name: Buffer, message: Buffer) => {
      if (name.toString() === channel) this.received.push(message.toString());
    });
    this.listenersBefore = this.both.map(listenersOf);
  }

  /** @param channel a channel of the app, subscribed for the whole test with plain Pub/Sub */
  static async of(create: () => AppCluster, channel: string): Promise<BorrowedClusterClients> {
    const [publisher, subscriber] = [create(), create()];
    const statuses = () => [publisher.status, subscriber.status].join();
    await until(() => statuses() === 'ready,ready', statuses);
    await subscriber.subscribe(channel);
    return new BorrowedClusterClients({ publisher, subscriber }, channel);
  }

  private get both(): AppCluster[] {
    return [this.clients.publisher, this.clients.subscriber];
  }

  /** Whether both are open and have only the listeners, the channel and the connections of the app. */
  async expectGivenBack(cluster: RunningCluster): Promise<void> {
    assert.deepEqual(
      this.both.map((client) => client.status),
      ['ready', 'ready'],
    );
    assert.deepEqual(this.both.map(listenersOf), this.listenersBefore);
    for (const { admin } of cluster.members) {
      assert.doesNotMatch(String(await admin.client('LIST')), /nestjs-redis-propagator/);
    }
    await this.clients.publisher.publish(this.channel, Buffer.from('still here'));
    await until(
      () => this.received.length > 0,
      () => 'the message on the app’s own channel',
    );
    assert.deepEqual(this.received, ['still here']);
  }

  async quit(): Promise<void> {
    await Promise.all(this.both.map((client) => client.quit()));
  }
}
