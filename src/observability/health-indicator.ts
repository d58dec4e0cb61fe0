import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import type { PubSubState } from '../ports/pub-sub.js';
import type { LoadState } from '../reporting/load.js';
import type { ConnectionHealth, InstanceView } from './instance-view.js';

/** What a health check says of an instance. */
export interface PropagatorHealth {
  readonly status: 'up' | 'down';
  /** What is wrong; only where the status is `down`. */
  readonly message?: string;
  readonly state: PubSubState;
  /** Whether each of the two connections to Redis works. */
  readonly connections: ConnectionHealth;
  /**
   * How long ago the last of this instance's own heartbeats was published that came back to it, in ms: the age of the
   * last proof that events pass.
   */
  readonly heardItselfMs: number;
  /** Events that wait for Redis. */
  readonly backlog: { readonly events: number; readonly bytes: number };
  /** Whether the instance keeps up; see `LoadService`. An overloaded one is up. */
  readonly load: LoadState;
  /** Whether the instance is shutting down. */
  readonly draining: boolean;
}

/** What a health indicator of `@nestjs/terminus` returns. */
export type PropagatorHealthResult<Key extends string = string> = Record<Key, PropagatorHealth>;

/**
 * For health checks with `@nestjs/terminus` (11 or newer), or without it. Inject it anywhere.
 *
 * ```ts
 * @Get('ready')
 * @HealthCheck()
 * ready() {
 *   return this.health.check([() => this.propagator.isReady('propagator')]);
 * }
 * ```
 */
export class PropagatorHealthIndicator {
  /** @internal */
  constructor(private readonly view: InstanceView) {}

  /**
   * Down while the instance starts or shuts down: it should get no new clients. Without Redis it is up, since it
   * serves those that it has: for a load balancer, which else would take away all instances at once.
   */
  isReady<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.result(key, this.unready());
  }

  /**
   * Down also while events do not pass between instances: a connection to Redis is gone, or this instance has not
   * heard its own heartbeats for `memberTimeoutMs`. For monitors.
   */
  isHealthy<const Key extends string = 'propagator'>(key?: Key): PropagatorHealthResult<Key> {
    return this.result(key, this.unready() ?? this.disconnected() ?? this.deaf());
  }

  private unready(): string | undefined {
    const { reason } = this.view.readiness;
    return reason === undefined ? undefined : `The instance is ${reason}.`;
  }

  private disconnected(): string | undefined {
    const { state } = this.view.pubSub;
    const { publisher, subscriber } = this.view.connections();
    if (state === 'ready' && publisher && subscriber) return undefined;
    return `The state is "${state}": events do not pass between instances.`;
  }

  private deaf(): string | undefined {
    const silence = this.heardItselfMs;
    if (silence <= this.view.options.memberTimeoutMs) return undefined;
    return `The instance has not heard its own heartbeats for ${silence} ms.`;
  }

  private get heardItselfMs(): number {
    return Math.max(0, Math.round(performance.now() - this.view.cluster.heardItselfAt));
  }

  private result<Key extends string>(
    key: Key | undefined,
    message: string | undefined,
  ): PropagatorHealthResult<Key> {
    if (key !== undefined && typeof key !== 'string') {
      throw PropagatorError.of('target.invalid', ['key', shown(key), 'Pass a string, or nothing.']);
    }
    const { pubSub, readiness, router, telemetry } = this.view;
    const health: PropagatorHealth = {
      status: message === undefined ? 'up' : 'down',
      ...(message !== undefined && { message }),
      state: pubSub.state,
      connections: this.view.connections(),
      heardItselfMs: this.heardItselfMs,
      backlog: router.publisher.backlog,
      load: telemetry.load.state,
      draining: readiness.reason === 'draining',
    };
    return { [key ?? 'propagator']: health } as PropagatorHealthResult<Key>;
  }
}
