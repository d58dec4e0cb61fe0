import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { RedisClients } from '../redis/client-factory.js';
import type { InMemoryPubSub } from '../redis/in-memory-pub-sub.js';
import { RedisScripts } from '../redis/redis-scripts.js';
import { InMemoryPresenceStore, PresenceTable } from './store/in-memory-presence-store.js';
import type { PresenceStore } from './store/presence-store.js';
import { RedisPresenceStore } from './store/redis-presence-store.js';

type Options = Pick<ResolvedOptions, 'presence' | 'prefix' | 'publishTimeoutMs'>;

/** Where presence is kept: beside the transport. Undefined where it is switched off, or the transport is an app's own. @internal */
export function createPresenceStore(
  { presence, prefix, publishTimeoutMs }: Options,
  { pubSub, clients }: { readonly pubSub: PubSub; readonly clients: RedisClients | undefined },
): PresenceStore | undefined {
  if (presence === undefined) return undefined;
  if (clients !== undefined) {
    const pattern = `${prefix}:presence:*`;
    const scripts = new RedisScripts(clients.publisher, publishTimeoutMs, pattern);
    return new RedisPresenceStore(scripts, prefix, clients.cluster, presence);
  }
  // Not `instanceof`: an app may load this package twice, as ESM and as CommonJS.
  const shared = (pubSub as Partial<InMemoryPubSub>).bus?.shared;
  if (shared === undefined) return undefined;
  const name = `presence:${prefix}`;
  const table = (shared.get(name) as PresenceTable | undefined) ?? new PresenceTable();
  shared.set(name, table);
  return new InMemoryPresenceStore(table, pubSub, prefix, presence);
}
