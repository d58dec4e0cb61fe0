import { Logger, Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { ClusterService } from '../cluster/cluster.service.js';
import { DiagnosticsService } from '../observability/diagnostics.service.js';
import { PropagatorHealthIndicator } from '../observability/health-indicator.js';
import type { RedisPropagatorOptions } from '../options/propagator-options.js';
import { resolveOptions } from '../options/resolve-options.js';
import { PresenceService } from '../presence/presence.service.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import { LoadService } from '../reporting/load.js';
import { RedisService } from '../redis/redis.service.js';
import { SessionService } from '../sessions/session.service.js';
import { SocketStateService } from '../sockets/socket-state.service.js';
import { PropagatorLifecycle } from './lifecycle.js';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './module-definition.js';
import { createRuntime, type Runtime } from './runtime.js';
import {
  REDIS_PROPAGATOR_OPTIONS,
  PUB_SUB,
  REDIS_PUBLISHER_CLIENT,
  REDIS_SUBSCRIBER_CLIENT,
  RUNTIME,
} from './tokens.js';

/** A provider for one part of the runtime. */
function part<T>(
  provide: FactoryProvider<T>['provide'],
  pick: (runtime: Runtime) => T,
): FactoryProvider<T> {
  return { provide, useFactory: pick, inject: [RUNTIME] };
}

const parts = [
  part(RedisPropagatorService, ({ propagator }) => propagator),
  part(RedisService, ({ redis }) => redis),
  part(ClusterService, ({ cluster }) => cluster),
  part(PresenceService, ({ presence }) => presence),
  part(SessionService, ({ sessions }) => sessions),
  part(SocketStateService, ({ state }) => state),
  part(LoadService, ({ load }) => load),
  part(PropagatorHealthIndicator, ({ health }) => health),
  part(DiagnosticsService, ({ diagnostics }) => diagnostics),
  part(PUB_SUB, ({ pubSub }) => pubSub),
  part(REDIS_PUBLISHER_CLIENT, ({ clients }) => clients?.publisher ?? null),
  part(REDIS_SUBSCRIBER_CLIENT, ({ clients }) => clients?.subscriber ?? null),
];

/**
 * Makes Socket.IO events reach the right clients on whichever instance of the app they are connected to. Import
 * it once, in the root module; its providers can be injected everywhere.
 */
@Module({
  providers: [
    {
      provide: RUNTIME,
      useFactory: (options: RedisPropagatorOptions) =>
        createRuntime(resolveOptions(options, new Logger('RedisPropagator'))),
      inject: [REDIS_PROPAGATOR_OPTIONS],
    },
    part(PropagatorLifecycle, (runtime) => new PropagatorLifecycle(runtime)),
    ...parts,
  ],
  exports: [RUNTIME, ...parts],
})
export class RedisPropagatorModule extends ConfigurableModuleClass {
  /**
   * @param options see `RedisPropagatorOptions`; with none, Redis is at `redis://localhost:6379`
   * @throws PropagatorError `option.invalid`, `option.unknown` when the app starts
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Options from other providers: `useFactory`, `useClass` or `useExisting`. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    return super.forRootAsync(options);
  }
}
