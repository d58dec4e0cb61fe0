import type {
  BeforeApplicationShutdown,
  OnApplicationBootstrap,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import { missingAdapter, type NestParts } from './gateway-check.js';
import { ChangedInternals } from '../reporting/changed-internals.js';
import { manifestOf } from '../reporting/package-manifest.js';
import { contractFault, uncheckedEvents } from './contract-check.js';
import { unboundAudiences } from './interceptor-check.js';
import { nestFaults } from './nest-internals.js';
import type { Runtime } from './runtime.js';

const UNCHECKED =
  'Events arrive all the same; this library cannot check where the adapter and the interceptor are missing. ' +
  'Look for a newer version of nestjs-redis-propagator.';

/**
 * Connects when the app starts, and shuts down in Nest's order: first new clients are refused, then the connected
 * ones are disconnected, and publishes in flight are awaited. Redis is disconnected last, so that
 * `handleDisconnect` can still emit.
 *
 * @internal
 */
export class PropagatorLifecycle
  implements
    OnModuleInit,
    OnApplicationBootstrap,
    OnModuleDestroy,
    BeforeApplicationShutdown,
    OnApplicationShutdown
{
  private starting: Promise<void> | undefined;

  constructor(
    private readonly runtime: Runtime,
    private readonly nest: NestParts,
  ) {}

  /** Whether Nest has served the gateways, so that a new adapter would be too late. */
  get begun(): boolean {
    return this.starting !== undefined;
  }

  async onModuleInit(): Promise<void> {
    this.starting = this.start();
    await this.starting;
  }

  onApplicationBootstrap(): void {
    this.runtime.appStarted();
  }

  onModuleDestroy(): void {
    this.runtime.refuseClients();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    // An app may be closed while it starts. A connection that opens after the end would never close.
    await this.starting?.catch(() => undefined);
    await this.runtime.close();
  }

  private async start(): Promise<void> {
    // Nest has created the servers of all gateways by now.
    const missing = missingAdapter(this.nest, this.runtime);
    if (missing !== undefined && this.runtime.authenticates) throw missing;
    const { reporter } = this.runtime;
    if (missing !== undefined) reporter.logger.warn(missing.message);
    const fault = contractFault(this.nest, this.runtime.checks);
    if (fault !== undefined) throw fault;
    this.runtime.readiness.begin();
    new ChangedInternals(reporter, nestVersion, UNCHECKED).report(nestFaults());
    const warning = unboundAudiences(this.nest);
    if (warning !== undefined) reporter.logger.warn(warning);
    const unchecked = uncheckedEvents(this.runtime.checks);
    if (unchecked !== undefined) this.runtime.reporter.logger.log(unchecked);
    try {
      await this.runtime.pubSub.connect();
      await this.runtime.verifyAccess();
      await this.runtime.start();
    } catch (error) {
      // Nest does not call the other hooks of an app whose start failed.
      await this.runtime.close();
      throw error;
    }
  }
}

function nestVersion(): string {
  return `@nestjs/websockets ${manifestOf('@nestjs/websockets')?.version ?? 'of an unknown version'}`;
}
