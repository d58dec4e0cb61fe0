import type { RedisClient } from '../options/redis-options.js';
import { isClusterClient, masterOf, nodeOf } from './cluster-topology.js';
import { Pulse, type PingedClient } from './liveness.js';

/** Connections that are looked at a second time already. */
const suspects = new WeakSet<object>();

/**
 * Ends a connection that took a message for `channel` and is silent since, so that ioredis makes another one. On a
 * Cluster it is the connection to the node of the channel: the other nodes do their work. A connection on which
 * anything arrives within `confirmMs` is busy, and stays. An error that it throws goes to `failed`.
 *
 * @internal
 */
export function resetPublisher(
  publisher: RedisClient,
  channel: string,
  confirmMs: number,
  failed: (error: unknown) => void,
): void {
  const cluster = isClusterClient(publisher) ? publisher : undefined;
  const master = cluster && masterOf(cluster, channel);
  const suspect = (cluster ? master && nodeOf(cluster, master) : publisher) as
    (RedisClient & PingedClient) | undefined;
  if (!suspect || suspects.has(suspect)) return;
  suspects.add(suspect);
  const pulse = new Pulse();
  pulse.beats(suspect);
  setTimeout(() => {
    // After the bytes that came while this process itself stood still.
    setImmediate(() => {
      suspects.delete(suspect);
      try {
        if (suspect.status !== 'ready' || pulse.beats(suspect)) return;
        suspect.disconnect(cluster === undefined);
      } catch (error) {
        failed(error);
      }
    });
  }, confirmMs).unref();
}
