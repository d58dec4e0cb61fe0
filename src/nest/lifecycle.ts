import type {
  BeforeApplicationShutdown,
  OnApplicationShutdown,
  OnModuleInit,
} from '@nestjs/common';
import type { Runtime } from './runtime.js';

/**
 * Connects when the app starts, and ends in Nest's order: publishes under way are waited for before sockets are
 * closed, and Redis goes last, so that `handleDisconnect` can still emit.
 *
 * @internal
 */
export class PropagatorLifecycle
  implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown
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

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.drain();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
  }
}
