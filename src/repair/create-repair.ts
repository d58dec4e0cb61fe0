import type { ClusterBus } from '../cluster/cluster-bus.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterService } from '../cluster/cluster.service.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { EventRouter } from '../routing/event-router.js';
import { GapRepair } from './gap-repair.js';
import { REPAIR, repairServer } from './repair-server.js';

interface RepairDeps {
  readonly pubSub: PubSub;
  readonly bus: ClusterBus;
  readonly requests: Pick<ClusterRequests, 'handle' | 'request'>;
  readonly cluster: ClusterService;
  readonly router: Pick<EventRouter, 'publisher' | 'receiver' | 'instanceId'>;
  readonly reporter: Reporter;
}

/**
 * Creates both halves of the repair: one answers the requests of other instances, the other recovers events that this
 * instance missed.
 *
 * @internal
 */
export function createRepair(
  options: Pick<
    ResolvedOptions,
    'maxMessageBytes' | 'requestTimeoutMs' | 'heartbeatIntervalMs' | 'memberTimeoutMs' | 'repair'
  >,
  deps: RepairDeps,
): GapRepair {
  const { publisher, receiver, instanceId } = deps.router;
  const { maxMessageBytes } = options;
  const since = publisher.since.bind(publisher);
  // Even without the option `repair`, so that other instances learn at once that there is no history.
  deps.requests.handle(REPAIR, repairServer({ instanceId, maxMessageBytes, since }), true);
  const repair = new GapRepair(
    {
      ...deps,
      log: receiver.log,
      channels: () => receiver.channels(),
      deliver: (arrival) => receiver.deliver(arrival),
    },
    options,
  );
  // The receiver and the repair need each other, and meet only here: the receiver was created first.
  receiver.useRepair(repair);
  return repair;
}
