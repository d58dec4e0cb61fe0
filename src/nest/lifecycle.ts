import type {
  BeforeApplicationShutdown,
  OnApplicationShutdown,
  OnModuleDestroy,
  OnModuleInit,
} from '@nestjs/common';
import type { Runtime } from './runtime.js';

/**
 * Connects when the app starts, and ends in Nest's order: new clients are refused first, then those that are here are sent
 * away and publishes under way are waited for. Redis goes last, so that `handleDisconnect` can still emit.
 *
 * @internal
 */
export class PropagatorLifecycle
  implements OnModuleInit, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(private readonly runtime: Runtime) {}

  async onModuleInit(): Promise<void> {
    await this.runtime.pubSub.connect();
    try {
      await this.runtime.verifyAccess();
      await this.runtime.start();
    } catch (error) {
      // Nest does not call the other hooks of an app that did not start.
      await this.runtime.close();
      throw error;
    }
  }

  onModuleDestroy(): void {
    this.runtime.refuseClients();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
  }
}
