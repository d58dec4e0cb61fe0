import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Redis } from 'ioredis';
import type { AuthOptions, PubSubState, RedisPropagatorOptions } from '../../../src/index.js';
import { bucketOf, presenceChannel } from '../../../src/presence/store/presence-buckets.js';
import { PlainGateway } from '../plain-gateway.js';
import type { TestClient } from '../test-client.js';
import { givenCluster, testRedisUrl, TOKEN_IS_USER, type TestCluster } from '../test-cluster.js';
import { until } from '../until.js';

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {
  @SubscribeMessage('hello')
  hello(): string {
    return 'hello';
  }
}

export type Limit = Pick<AuthOptions, 'maxSocketsPerUser' | 'onTooManySockets'>;

/** The result of an attempt to connect: a client, or the error code of the refusal. */
export type Outcome = TestClient | string;

export function limitedTo(limit: Limit): { auth: AuthOptions } {
  const rejecting =
    limit.maxSocketsPerUser === undefined ? {} : { onTooManySockets: 'reject-new' as const };
  return { auth: { ...TOKEN_IS_USER, ...rejecting, ...limit } };
}

export function admitted(outcomes: readonly Outcome[]): TestClient[] {
  return outcomes.filter((outcome) => typeof outcome !== 'string');
}

export function refused(outcomes: readonly Outcome[]): string[] {
  return outcomes.filter((outcome) => typeof outcome === 'string');
}

/** Instances with a limit of sockets for each user. */
export class LimitedCluster {
  private attempts = 0;

  private constructor(
    readonly cluster: TestCluster,
    private readonly redisUrl: string,
  ) {}

  static async start(
    where: 'Redis' | 'memory',
    size: number,
    limit: Limit,
    options: RedisPropagatorOptions & { redis?: string } = {},
  ): Promise<LimitedCluster> {
    const builder = givenCluster()
      .of(size)
      .with(PlainGateway, ChatGateway)
      .configured({ ...options, ...limitedTo(limit) });
    if (where === 'memory') builder.onInMemoryPubSub();
    return new LimitedCluster(await builder.start(), options.redis ?? testRedisUrl());
  }

  /** Tries to connect, to the given instance or to each one in turn. */
  async attempt(token: string, instance?: number, namespace = ''): Promise<Outcome> {
    const index = instance ?? this.attempts++ % this.cluster.instances.length;
    try {
      return await this.cluster.instance(index).connect({ token, namespace });
    } catch (error) {
      return (error as { data?: { code?: string } }).data?.code ?? String(error);
    }
  }

  attemptAtOnce(count: number, token: string): Promise<Outcome[]> {
    return Promise.all(Array.from({ length: count }, () => this.attempt(token)));
  }

  /** Connects a client and expects success. */
  async connect(token: string, instance?: number, namespace = ''): Promise<TestClient> {
    const outcome = await this.attempt(token, instance, namespace);
    if (typeof outcome === 'string') throw new Error(`${token} was refused: ${outcome}`);
    return outcome;
  }

  /** Connects with retries: a socket that leaves still counts for a moment. */
  async eventually(token: string, instance?: number): Promise<TestClient> {
    let outcome = await this.attempt(token, instance);
    await until(
      async () => {
        if (typeof outcome === 'string') outcome = await this.attempt(token, instance);
        return typeof outcome !== 'string';
      },
      () => `${token} to be let in`,
    );
    return outcome as TestClient;
  }

  /** Waits until Redis counts this many sockets of a user. */
  async counts(userId: string, count: number): Promise<void> {
    const redis = new Redis(this.redisUrl);
    const key = `${presenceChannel(this.cluster.prefix, bucketOf(userId))}:sockets`;
    let last: number | undefined;
    try {
      await until(
        async () => {
          const sockets = (await redis.hget(key, userId)) ?? '';
          last = sockets === '' ? 0 : sockets.split(',').length;
          return last === count;
        },
        () => `Redis to count ${count} sockets of ${userId}, not ${last}`,
      );
    } finally {
      redis.disconnect();
    }
  }

  async everywhere(state: PubSubState): Promise<void> {
    await until(
      () => this.cluster.instances.every((instance) => instance.redis.state === state),
      () => `the state ${state} of all instances`,
    );
  }

  async close(): Promise<void> {
    await this.cluster.close();
  }
}
