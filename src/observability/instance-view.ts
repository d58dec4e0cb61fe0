import type { ClusterService } from '../cluster/cluster.service.js';
import type { EventRouter } from '../routing/event-router.js';
import type { Telemetry } from '../routing/telemetry.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Readiness } from '../reporting/readiness.js';
import type { Reporter } from '../reporting/reporter.js';
import type { SocketStateService } from '../auth/socket-state.service.js';

/** Whether each connection to Redis works. */
export interface ConnectionHealth {
  readonly publisher: boolean;
  /** Receives the events. */
  readonly subscriber: boolean;
  /** Receives requests and replies of other instances. The same as `subscriber` if both are one connection. */
  readonly control: boolean;
}

/** The current and past repairs of missed events. */
export interface RepairState {
  /** Whether a repair is in progress. */
  readonly underway: boolean;
  /** Incoming events that are held back behind missing ones, in bytes. */
  readonly heldBytes: number;
  /** How often this instance has asked the others for missed events. */
  readonly repairs: number;
}

/** The clients that came back to this instance, since its start. */
export interface RecoveryState {
  /** Connections that were recovered. */
  readonly recovered: number;
  /** Recovered connections that came from another instance. */
  readonly moved: number;
  /** Events that recovered clients had missed, and got. */
  readonly events: number;
  /** Connections that became new ones, by the reason. */
  readonly failures: Readonly<Record<string, number>>;
  /** Clients that are away and may come back. */
  readonly away: number;
  /** The memory that events for them take, in bytes. */
  readonly bytes: number;
}

/** The presence state of this instance. */
export interface PresenceState {
  readonly enabled: boolean;
  /**
   * Whether this instance has a lease on its current or last connection. If so, Redis knows its users. Also false
   * if presence is switched off.
   */
  readonly leased: boolean;
}

/** The data for health, metrics and diagnostics. @internal */
export interface InstanceView {
  readonly options: ResolvedOptions;
  readonly reporter: Reporter;
  readonly readiness: Readiness;
  readonly telemetry: Telemetry;
  readonly pubSub: PubSub;
  readonly router: EventRouter;
  readonly cluster: ClusterService;
  readonly state: SocketStateService;
  /** The number of subscribed channels, including those about to be. */
  readonly subscriptions: { readonly size: number };
  connections(): ConnectionHealth;
  /** Null while it is unknown. */
  redisVersion(): string | null;
  repair(): RepairState;
  /** Null without the option `recovery`. */
  recovery(): RecoveryState | null;
  /** When the newest message of this instance to itself that came back was sent, in monotonic time (`performance.now()`). */
  heardItselfAt(): number;
  presence(): PresenceState;
}
