import calculateSlot from 'cluster-key-slot';
import { ClientEvents } from './client-events.js';
import {
  refreshSlots,
  SLOTS_READ,
  slotsOf,
  type ClusterClient,
  type NodeClient,
} from './ioredis-internals.js';

/** The connection of the Cluster to a master, named as in the slots. @internal */
export function nodeOf(cluster: ClusterClient, master: string): NodeClient | undefined {
  return cluster
    .nodes('master')
    .find(({ options: { host, port } }) => `${host}:${port}` === master);
}

/** The master that has the slot of a channel, as far as the Cluster knows. @internal */
export function masterOf(cluster: ClusterClient, channel: string): string | undefined {
  return slotsOf(cluster)[calculateSlot(channel)]?.[0];
}

/**
 * The masters of the slots, as far as ioredis' Cluster knows. It refreshes them by itself when a command goes to a
 * wrong node; a connection that only receives has to request a refresh.
 *
 * @internal
 */
export class ClusterTopology {
  private readonly events: ClientEvents;
  private refreshing: Promise<void> | undefined;

  constructor(
    private readonly cluster: ClusterClient,
    private readonly owned: boolean,
    onChange: () => void,
    onError: (error: unknown) => void,
    threw: (error: unknown) => void,
  ) {
    this.events = new ClientEvents(
      cluster,
      owned,
      { [SLOTS_READ]: onChange, error: onError },
      threw,
    );
  }

  /** Whether the slots are known yet. */
  get known(): boolean {
    return slotsOf(this.cluster).length > 0;
  }

  open(): void {
    this.events.attach();
  }

  close(): void {
    this.events.detach();
  }

  masterOf(slot: number): string | undefined {
    return slotsOf(this.cluster)[slot]?.[0];
  }

  /** All masters that have slots. */
  masters(): Set<string> {
    const masters = new Set<string>();
    let before: readonly string[] | undefined;
    for (const nodes of slotsOf(this.cluster)) {
      // The slots of a range share one list.
      if (nodes === undefined || nodes === before) continue;
      before = nodes;
      if (nodes[0] !== undefined) masters.add(nodes[0]);
    }
    return masters;
  }

  /** Whether both know the same masters. A node that gets a command for a wrong slot reports the moved slot itself. */
  agreesWith(other: ClusterTopology): boolean {
    const [here, there] = [this.masters(), other.masters()];
    return here.size === there.size && [...here].every((master) => there.has(master));
  }

  node(master: string): NodeClient | undefined {
    return nodeOf(this.cluster, master);
  }

  /** Refreshes the slots, once for all callers. Rejects if the client throws. */
  refresh(): Promise<void> {
    // While it is not connected, ioredis refreshes as soon as it is.
    if (this.cluster.status !== 'ready') return Promise.resolve();
    if (this.refreshing !== undefined) return this.refreshing;
    this.refreshing = new Promise<void>((resolve) => {
      refreshSlots(this.cluster, (error) => {
        // No known node replies: start again from the configured nodes.
        resolve();
        if (error?.name === 'ClusterAllFailedError' && this.owned) this.cluster.disconnect(true);
      });
    }).finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }
}
