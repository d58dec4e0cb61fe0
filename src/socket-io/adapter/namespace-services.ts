import type { ResolvedClientLimits } from '../../options/resolve-limits.js';
import type { Reporter } from '../../reporting/reporter.js';
import type { AckRequests } from '../commands/ack-requests.js';
import type { Recovery } from '../../recovery/recovery.js';
import type { ClientConnections } from '../connections/client-connections.js';
import type { ClusterService } from '../../cluster/cluster.service.js';
import type { EventRouter } from '../../routing/event-router.js';
import type { ServerSideEvents } from '../commands/server-side-events.js';
import type { SocketCommands } from '../commands/socket-commands.js';

/** Services that the adapters of all namespaces share. @internal */
export interface NamespaceServices {
  readonly router: EventRouter;
  readonly cluster: ClusterService;
  readonly commands: SocketCommands;
  readonly acks: AckRequests;
  readonly serverSide: ServerSideEvents;
  readonly reporter: Reporter;
  readonly ackTimeoutMs: number;
  /** The greatest delay of an event from another instance, in ms. */
  readonly lateMs: number;
  readonly limits: ResolvedClientLimits;
  readonly connections: ClientConnections;
  /** Undefined without the option `recovery`. */
  readonly recovery: Recovery | undefined;
}
