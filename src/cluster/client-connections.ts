import type { Server } from 'socket.io';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { connectionsOf, Draining } from './draining.js';
import { SlowClients } from './slow-clients.js';

/** The clients of this instance, as connections. @internal */
export class ClientConnections {
  /** All Socket.IO servers of the app. */
  readonly servers = new Set<Server>();
  readonly slow: SlowClients;
  readonly draining: Draining;

  constructor(options: Pick<ResolvedOptions, 'slowClients' | 'shutdown'>, reporter: Reporter) {
    this.slow = new SlowClients(options.slowClients, () => connectionsOf(this.servers), reporter);
    this.draining = new Draining(() => this.servers, options.shutdown, reporter);
  }
}
