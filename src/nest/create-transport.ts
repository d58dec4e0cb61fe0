import type { InstanceView } from '../observability/instance-view.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Access } from '../redis/access.js';
import { createRedisClients, type RedisClients } from '../redis/client-factory.js';
import { RedisPubSub } from '../redis/redis-pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';

/** The transport of an app: Redis, or one that the app supplies. @internal */
export interface Transport extends Pick<InstanceView, 'connections' | 'redisVersion'> {
  readonly pubSub: PubSub;
  /** Undefined with another transport than Redis. */
  readonly clients: RedisClients | undefined;
  /** As {@link RedisPubSub.verifyAccess}. Another transport is not asked. */
  verifyAccess(access: Access): Promise<void>;
  /** Closes the connections that were created here. A transport supplied by the app stays open. */
  close(): Promise<void>;
}

/** @internal */
export function createTransport(
  options: Pick<
    ResolvedOptions,
    'pubSub' | 'redis' | 'connectTimeoutMs' | 'subscribeTimeoutMs' | 'publishTimeoutMs'
  >,
  reporter: Reporter,
): Transport {
  const { pubSub } = options;
  if (pubSub !== undefined) {
    return {
      pubSub,
      clients: undefined,
      // This library knows the state of the transport, but none of its connections.
      connections: () => {
        const works = pubSub.state === 'ready';
        return { publisher: works, subscriber: works, control: works };
      },
      redisVersion: () => null,
      verifyAccess: async () => {},
      close: async () => {},
    };
  }
  const clients = createRedisClients(options, reporter);
  const redis = new RedisPubSub(clients, options, reporter);
  return {
    pubSub: redis,
    clients,
    connections: () => redis.connections,
    redisVersion: () => redis.serverVersion,
    verifyAccess: (access) => redis.verifyAccess(access),
    close: () => redis.close(),
  };
}
