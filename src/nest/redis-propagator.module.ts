import { Logger, Module, type DynamicModule, type FactoryProvider } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import { ClusterService } from '../cluster/cluster.service.js';
import { DiagnosticsService } from '../observability/diagnostics.service.js';
import { PropagatorHealthIndicator } from '../observability/health-indicator.js';
import { PropagatorError } from '../errors.js';
import { checkKnown, invalid, isOptions, misused } from '../options/checks.js';
import type { RedisPropagatorOptions } from '../options/propagator-options.js';
import { OPTION_NAMES, resolveOptions } from '../options/resolve-options.js';
import { PresenceService } from '../presence/presence.service.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import { LoadService } from '../reporting/load.js';
import { RedisService } from '../channels/redis.service.js';
import { SessionService } from '../sessions/session.service.js';
import { SocketStateService } from '../auth/socket-state.service.js';
import { PropagatorLifecycle } from './lifecycle.js';
import { ASYNC_OPTIONS_TYPE, ConfigurableModuleClass, OPTIONS_TYPE } from './module-definition.js';
import { createRuntime, type Runtime } from './runtime.js';
import {
  CONFIGURED,
  REDIS_PROPAGATOR_OPTIONS,
  PUB_SUB,
  REDIS_PUBLISHER_CLIENT,
  REDIS_SUBSCRIBER_CLIENT,
  RUNTIME,
  TEST_OPTIONS,
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
 * Makes Socket.IO events reach the right clients on any instance of the app. Import it once, in the root module;
 * its providers can be injected everywhere.
 */
@Module({
  providers: [
    { provide: TEST_OPTIONS, useValue: null },
    {
      provide: RUNTIME,
      useFactory: configuredRuntime,
      inject: [
        ModulesContainer,
        { token: REDIS_PROPAGATOR_OPTIONS, optional: true },
        { token: TEST_OPTIONS, optional: true },
      ],
    },
    {
      provide: PropagatorLifecycle,
      useFactory: (runtime: Runtime, config: ApplicationConfig, modules: ModulesContainer) =>
        new PropagatorLifecycle(runtime, { config, modules }),
      inject: [RUNTIME, ApplicationConfig, ModulesContainer],
    },
    ...parts,
  ],
  exports: [RUNTIME, ...parts],
})
export class RedisPropagatorModule extends ConfigurableModuleClass {
  /**
   * @param options see `RedisPropagatorOptions`; default: Redis at `redis://localhost:6379`
   * @throws PropagatorError when the app starts: `option.invalid`, `option.unknown`, `module.twice`,
   * `module.not-configured`, `adapter.missing`
   */
  static override forRoot(options: typeof OPTIONS_TYPE = {}): DynamicModule {
    if (isOptions(options)) {
      const all = withInherited(options);
      return checked(super.forRoot(all), all.isGlobal);
    }
    // Nest's method turns a text or a list into an object.
    return withOptions(super.forRoot({}), { useValue: options });
  }

  /** Options from other providers: `useFactory`, `useClass` or `useExisting`. The errors are those of `forRoot`. */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    try {
      checkSource(options);
    } catch (error) {
      return refusing(super.forRoot({}), error);
    }
    return checked(super.forRootAsync(options), options.isGlobal);
  }
}

function configuredRuntime(
  modules: ModulesContainer,
  options: RedisPropagatorOptions | null | undefined,
  testOptions: RedisPropagatorOptions | null | undefined,
): Runtime {
  const configured = [...modules.values()]
    .filter(({ providers }) => providers.has(RUNTIME))
    .map(({ providers }) => providers.has(CONFIGURED));
  if (configured.includes(false)) throw PropagatorError.of('module.not-configured', []);
  if (configured.length > 1) throw PropagatorError.of('module.twice', [configured.length]);
  const logger = new Logger('RedisPropagator');
  const resolved = resolveOptions(options, logger, testOptions ?? undefined);
  if (options === undefined || options === null) {
    resolved.logger.warn(
      `RedisPropagatorModule got ${options} for its options, as from a factory that returns nothing: all have their ` +
        'defaults, so Redis is at redis://localhost:6379, and no client is authenticated. Return the options from the ' +
        'factory of forRootAsync(), or {} if the defaults are right.',
    );
  }
  return createRuntime(resolved);
}

/** Nest's method copies own properties only, so options that are getters of a class, such as `auth`, would be lost. */
function withInherited(options: typeof OPTIONS_TYPE): typeof OPTIONS_TYPE {
  const known = [...OPTION_NAMES, 'isGlobal'] as const;
  const inherited = known.filter((name) => !Object.hasOwn(options, name) && name in options);
  return { ...options, ...Object.fromEntries(inherited.map((name) => [name, options[name]])) };
}

const ASYNC_OPTIONS = [
  'useFactory',
  'useClass',
  'useExisting',
  'imports',
  'inject',
  'provideInjectionTokensFrom',
  'isGlobal',
] as const;
const SOURCES = ['useFactory', 'useClass', 'useExisting'] as const;

/** Nest reads only one source, and ignores properties that it does not know. */
function checkSource(given: unknown): void {
  const remedy = 'Write { useFactory }, { useClass } or { useExisting }: one of them.';
  if (!isOptions(given)) throw invalid('forRootAsync', given, remedy);
  checkKnown('forRootAsync', given, ASYNC_OPTIONS);
  const options = given as Partial<Record<(typeof ASYNC_OPTIONS)[number], unknown>>;
  const sources = SOURCES.filter((name) => options[name] !== undefined);
  const [source] = sources;
  if (source === undefined || sources.length > 1) {
    throw misused(
      'forRootAsync',
      source === undefined ? 'none of them' : sources.join(' and '),
      remedy,
    );
  }
  if (source !== 'useExisting' && typeof options[source] !== 'function') {
    throw invalid(`forRootAsync.${source}`, options[source], remedy);
  }
}

function checked(definition: DynamicModule, isGlobal: unknown): DynamicModule {
  if (isGlobal === undefined || typeof isGlobal === 'boolean') return definition;
  return refusing(definition, invalid('isGlobal', isGlobal, 'Write true or false.'));
}

/** Fails the start of the app, and not the loading of its files. */
function refusing(definition: DynamicModule, error: unknown): DynamicModule {
  return withOptions(definition, {
    useFactory: () => {
      throw error;
    },
  });
}

function withOptions(
  definition: DynamicModule,
  source: { useValue: unknown } | { useFactory: () => never },
): DynamicModule {
  const provider = { provide: REDIS_PROPAGATOR_OPTIONS, ...source };
  return { ...definition, providers: [...(definition.providers ?? []), provider] };
}
