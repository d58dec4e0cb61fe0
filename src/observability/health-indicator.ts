import { PropagatorError } from '../errors.js';
import { contractsOf } from './contract-watch.js';
import { shown } from '../options/checks.js';
import type { PubSubState } from '../ports/pub-sub.js';
import type { LoadState } from '../reporting/load.js';
import type { ConnectionHealth, InstanceView } from './instance-view.js';

/** The state of an instance in a health check. */
export interface PropagatorHealth {
  readonly status: 'up' | 'down';
  /** The reason; only if the status is `down`. */
  readonly message?: string;
  readonly state: PubSubState;
  /** Whether each connection to Redis works. */
  readonly connections: ConnectionHealth;
  /**
   * The age of the newest heartbeat of this instance that came back to it, in ms: the age of the last proof that
   * events pass.
   */
  readonly heardItselfMs: number;
  /** Events that wait for Redis. */
  readonly backlog: { readonly events: number; readonly bytes: number };
  /**
   * Clients that are away and may come back, and the memory of the events for them, in bytes: only with the option `recovery`.
   */
  readonly recovery?: { readonly away: number; readonly bytes: number };
  /** Whether the instance keeps up; see `LoadService`. An overloaded one is up. */
  readonly load: LoadState;
  /**
   * The hashes of the contracts in the cluster, that of this instance first: only if there are several, as during a deploy.
   */
  readonly contracts?: readonly string[];
  /** Whether the instance is shutting down. */
  readonly draining: boolean;
}

/** The result of a health indicator of `@nestjs/terminus`. */
export type PropagatorHealthResult<Key extends string = string> = Record<Key, PropagatorHealth>;

/**
 * For health checks with `@nestjs/terminus` (11 or newer), or without it. Inject it anywhere.
 *
 * ```ts
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([() => this.propagator.checkReady('propagator')]);
 * }
 * ```
 */
export class PropagatorHealthIndicator {
  /** @internal */
  constructor(private readonly view: InstanceView) {}

  /**
   * Down while the instance starts or shuts down, when it should get no new clients. Up without Redis, because it
   * still serves its clients. For a load balancer, which would otherwise remove all instances at once.
   */
  checkReady<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.result(key, this.unready());
  }

  /**
   * Also down while events do not pass between instances: a connection to Redis is lost, or this instance has not
   * received its own heartbeats for `memberTimeoutMs`. For monitoring.
   */
  checkHealth<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.result(key, this.unready() ?? this.disconnected() ?? this.deaf());
  }

  /** @deprecated The result is an object, so it is always true in a condition. Use `checkReady`. */
  isReady<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.checkReady(key);
  }

  /** @deprecated The result is an object, so it is always true in a condition. Use `checkHealth`. */
  isHealthy<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.checkHealth(key);
  }

  private unready(): string | undefined {
    const { reason } = this.view.readiness;
    return reason === undefined ? undefined : `The instance is ${reason}.`;
  }

  private disconnected(): string | undefined {
    const { state } = this.view.pubSub;
    const works = Object.values(this.view.connections()).every(Boolean);
    if (state === 'ready' && works) return undefined;
    return `The state is "${state}": events do not pass between instances.`;
  }

  private deaf(): string | undefined {
    const silence = this.heardItselfMs;
    if (silence <= this.view.options.memberTimeoutMs) return undefined;
    return `The instance has not received its own heartbeats for ${silence} ms.`;
  }

  private get heardItselfMs(): number {
    return Math.max(0, Math.round(performance.now() - this.view.heardItselfAt()));
  }

  private result<Key extends string>(
    key: Key | undefined,
    message: string | undefined,
  ): PropagatorHealthResult<Key> {
    if (key !== undefined && typeof key !== 'string') {
      throw PropagatorError.of('target.invalid', ['key', shown(key), 'Pass a string, or nothing.']);
    }
    const { pubSub, readiness, router, telemetry } = this.view;
    const contracts = contractsOf(this.view.cluster);
    const recovery = this.view.recovery();
    const health: PropagatorHealth = {
      status: message === undefined ? 'up' : 'down',
      ...(message !== undefined && { message }),
      state: pubSub.state,
      connections: this.view.connections(),
      heardItselfMs: this.heardItselfMs,
      backlog: router.publisher.backlog,
      ...(recovery !== null && { recovery: { away: recovery.away, bytes: recovery.bytes } }),
      load: telemetry.load.state,
      ...(contracts.length > 1 && { contracts }),
      draining: readiness.reason === 'draining',
    };
    return { [key ?? 'propagator']: health } as PropagatorHealthResult<Key>;
  }
}
