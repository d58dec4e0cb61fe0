import type { ClusterMember } from '../cluster/members.js';
import type { PubSubState } from '../ports/pub-sub.js';
import type { LoadState } from '../reporting/load.js';
import { socketIoManifest } from '../reporting/package-manifest.js';
import type { UnreadyReason } from '../reporting/readiness.js';
import type { TrafficByTarget } from '../reporting/traffic.js';
import type {
  ConnectionHealth,
  InstanceView,
  PresenceState,
  RecoveryState,
  RepairState,
} from './instance-view.js';
import { contractsOf } from './contract-watch.js';
import { shownOptions, type ShownOptions } from './shown-options.js';
import { VERSION } from './version.js';

/** How many namespaces are listed: clients can request any number of dynamic ones. */
const MAX_NAMESPACES = 100;

/** The state of an instance. All of it is JSON, without secrets and names of users. */
export interface Diagnostics {
  /** ms since 1970. */
  readonly takenAt: number;
  readonly versions: {
    readonly library: string;
    readonly node: string;
    /** Null if it cannot be found. */
    readonly socketIo: string | null;
    /** Null with another transport, if Redis does not report it, and in the first result, which asks Redis. */
    readonly redis: string | null;
  };
  readonly instance: ClusterMember;
  readonly uptimeMs: number;
  readonly state: PubSubState;
  /** Null while the instance is ready for new clients. */
  readonly unready: UnreadyReason | null;
  readonly connections: ConnectionHealth;
  /** How long ago this instance last received its own heartbeat, in ms: the age of the last proof that events pass. */
  readonly heardItselfMs: number;
  /** The options in effect. A value that may be a secret is `(set)`; null is switched off. */
  readonly options: ShownOptions;
  /** How often each kind of event was dropped, refused or late: see docs/errors.md. */
  readonly counts: Readonly<Record<string, number>>;
  readonly traffic: {
    readonly sent: TrafficByTarget;
    readonly received: TrafficByTarget;
    readonly delivered: TrafficByTarget;
  };
  /** The number of channels to which this instance is subscribed. */
  readonly subscriptions: number;
  /** The hashes of the contracts of all members, that of this instance first. Several: a deploy changes the contract. */
  readonly contracts: readonly string[];
  /** All known members, this instance first. */
  readonly members: readonly ClusterMember[];
  readonly sockets: {
    readonly connected: number;
    readonly authenticated: number;
    /** Users with a socket on this instance. */
    readonly users: number;
    /** Connected sockets by namespace, of 100 namespaces at most. */
    readonly byNamespace: Readonly<Record<string, number>>;
  };
  /** Whether the instance keeps up. */
  readonly load: LoadState;
  /** Events that wait for Redis. */
  readonly outbox: { readonly events: number; readonly bytes: number };
  readonly repair: RepairState;
  /** Null without the option `recovery`. */
  readonly recovery: RecoveryState | null;
  readonly presence: PresenceState;
}

/**
 * One object with everything that helps to find a fault, for an endpoint of your own. Protect it: it contains host
 * names and namespaces.
 */
export class DiagnosticsService {
  private socketIo: string | null | undefined;

  /** @internal */
  constructor(private readonly view: InstanceView) {}

  /** Cheap: it counts, and makes no requests. */
  diagnostics(): Diagnostics {
    const { cluster, options, pubSub, readiness, reporter, router, state, subscriptions } =
      this.view;
    const { sent, received, delivered } = this.view.telemetry.traffic;
    if (this.socketIo === undefined) this.socketIo = socketIoManifest()?.version ?? null;
    const now = Date.now();
    const members = cluster.members();
    const instance = cluster.self;
    return {
      takenAt: now,
      versions: {
        library: VERSION,
        node: process.versions.node,
        socketIo: this.socketIo,
        redis: this.view.redisVersion(),
      },
      instance,
      uptimeMs: Math.max(0, now - instance.startedAt),
      state: pubSub.state,
      unready: readiness.reason ?? null,
      connections: this.view.connections(),
      heardItselfMs: Math.max(0, Math.round(performance.now() - this.view.heardItselfAt())),
      options: shownOptions(options),
      counts: reporter.counts(),
      // Copies, so that an earlier result does not change.
      traffic: structuredClone({ sent, received, delivered }),
      subscriptions: subscriptions.size,
      contracts: contractsOf(cluster),
      members,
      sockets: {
        connected: router.namespaces.socketCount,
        authenticated: state.socketCount,
        users: state.userCount,
        byNamespace: this.byNamespace(),
      },
      load: this.view.telemetry.load.state,
      outbox: router.publisher.backlog,
      repair: this.view.repair(),
      recovery: this.view.recovery(),
      presence: this.view.presence(),
    };
  }

  private byNamespace(): Record<string, number> {
    const counts: Record<string, number> = {};
    let names = 0;
    for (const { name, socketCount } of this.view.router.namespaces.all()) {
      if (!(name in counts) && ++names > MAX_NAMESPACES) break;
      counts[name] = (counts[name] ?? 0) + socketCount;
    }
    return counts;
  }
}
