import { misused } from '../options/checks.js';
import type { RedisClients } from './client-factory.js';

/** Shared by all copies of this library in the process: a package manager may have installed several. */
const KEY = Symbol.for('nestjs-redis-propagator:claimed-subscribers');
const shared = globalThis as { [KEY]?: WeakSet<object> };

/**
 * Claims borrowed subscribed clients for one app. Two apps would share one connection, which Redis counts once in
 * receipts; and when one of them left a channel, the other would no longer receive its messages. A Cluster client is not subscribed itself,
 * and can be shared.
 *
 * @returns a function that releases the claim
 * @throws PropagatorError `option.invalid`
 * @internal
 */
export function claimSubscribers(clients: RedisClients): () => void {
  const { subscriber, control, owned, cluster, ownsControl } = clients;
  if (owned || cluster) return () => {};
  const claimed = (shared[KEY] ??= new WeakSet());
  const borrowed = Object.entries({ subscriber, ...(control && !ownsControl && { control }) });
  for (const [role, client] of borrowed) {
    if (!claimed.has(client)) continue;
    throw misused(
      `redis.${role}`,
      'a client that another app of this process is subscribed with',
      'When one of them leaves a channel, the other no longer receives its messages: pass publisher.duplicate() to each.',
    );
  }
  for (const [, client] of borrowed) claimed.add(client);
  return () => {
    for (const [, client] of borrowed) claimed.delete(client);
  };
}

/**
 * Checks that borrowed clients were not ended: an ended client does not reconnect by itself.
 *
 * @throws PropagatorError `option.invalid`
 * @internal
 */
export function checkNotEnded({ publisher, subscriber, control, owned }: RedisClients): void {
  if (owned) return;
  for (const [role, client] of Object.entries({ publisher, subscriber, control })) {
    if (client?.status !== 'end') continue;
    throw misused(
      `redis.${role}`,
      'a client that was ended, by quit() or disconnect()',
      'It does not connect again by itself: pass a new one.',
    );
  }
}
