import calculateSlot from 'cluster-key-slot';
import type { RedisClient } from '../options/redis-options.js';
import { isClusterClient, nodeOf } from './cluster-topology.js';

/**
 * Ends a connection that took a message for `channel` and is silent since, so that another one is made. Of a Cluster
 * only that to the node of the channel: the other nodes do their work.
 *
 * @internal
 */
export function resetPublisher(publisher: RedisClient, channel: string): void {
  if (!isClusterClient(publisher)) {
    publisher.disconnect(true);
    return;
  }
  const [master] = publisher.slots[calculateSlot(channel)] ?? [];
  if (master !== undefined) nodeOf(publisher, master)?.disconnect();
}
