import type { ClusterService } from '../cluster/cluster.service.js';
import type { EventRouter } from '../routing/event-router.js';
import type { Telemetry } from '../routing/telemetry.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import type { SocketStateService } from '../auth/socket-state.service.js';

/** Whether each of the two connections to Redis works. */
export interface ConnectionHealth {
  readonly publisher: boolean;
  readonly subscriber: boolean;
}

/** What the repair of missed events is doing, and has done. */
export interface RepairState {
  /** Whether missed events are being asked for at this moment. */
  readonly underway: boolean;
  /** What has come in meanwhile and waits for earlier events, in bytes. */
  readonly heldBytes: number;
  /** How often this instance has asked the others for what it had missed. */
  readonly repairs: number;
}

/** Who is online, as far as this instance looks after it. */
export interface PresenceState {
  readonly enabled: boolean;
  /**
   * Whether this instance has a lease, on the connection that it has or had last: then Redis has what it knows. False
   * also while presence is switched off.
   */
  readonly leased: boolean;
}

/** All that health, metrics and diagnostics look at. @internal */
export interface InstanceView {
  readonly options: ResolvedOptions;
  readonly reporter: Reporter;
  readonly readiness: Readiness;
  readonly telemetry: Telemetry;
  readonly pubSub: PubSub;
  readonly router: EventRouter;
  readonly cluster: ClusterService;
  readonly state: SocketStateService;
  /** How many channels are subscribed, or about to be. */
  readonly subscriptions: { readonly size: number };
  connections(): ConnectionHealth;
  /** Null while it is unknown. */
  redisVersion(): string | null;
  repair(): RepairState;
  presence(): PresenceState;
}
