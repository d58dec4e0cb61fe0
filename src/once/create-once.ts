import type { PubSub } from '../ports/pub-sub.js';
import type { RedisClients } from '../redis/client-factory.js';
import { sharedState } from '../redis/in-memory-pub-sub.js';
import { RedisScripts } from '../redis/redis-scripts.js';
import { InMemoryOnceStore, type OnceStore, type OnceTable } from './once-store.js';
import { RedisOnceStore } from './redis-once-store.js';

interface Options {
  readonly prefix: string;
  readonly publishTimeoutMs: number;
}

/** The memory for the transport. With a transport of the app each instance has its own. @internal */
export function createOnceStore(
  { prefix, publishTimeoutMs }: Options,
  { pubSub, clients }: { readonly pubSub: PubSub; readonly clients: RedisClients | undefined },
): OnceStore {
  if (clients !== undefined) {
    const use = { consequence: 'the handler was not called', publish: false };
    return new RedisOnceStore(
      new RedisScripts(clients.publisher, publishTimeoutMs, `${prefix}:once:*`, use),
      prefix,
    );
  }
  return new InMemoryOnceStore(sharedState(pubSub, `once:${prefix}`, newTable) ?? newTable());
}

function newTable(): OnceTable {
  return new Map();
}
