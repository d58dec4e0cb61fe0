import type { RedisClient } from '../options/redis-options.js';
import { masterOf, nodeOf } from './cluster-topology.js';
import { isClusterClient } from './ioredis-internals.js';
import { Pulse, type PingedClient } from './liveness.js';
import { after, soon } from '../reporting/timers.js';

/** Connections that are already being checked a second time. */
const suspects = new WeakSet<object>();

/**
 * Ends a connection that took a message for `channel` and has been silent since, so that ioredis opens another one.
 * On a Cluster it is the connection to the node of the channel; the other nodes work. A connection on which
 * anything arrives within `confirmMs` is busy, and is kept. Errors go to `failed`.
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
  after(confirmMs, failed, () => {
    // After reading the bytes that came while this process was frozen.
    soon(failed, () => {
      suspects.delete(suspect);
      if (suspect.status !== 'ready' || pulse.beats(suspect)) return;
      suspect.disconnect(cluster === undefined);
    });
  }).unref();
}
