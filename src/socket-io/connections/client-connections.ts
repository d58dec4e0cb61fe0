import type { Server } from 'socket.io';
import type { ResolvedOptions } from '../../options/resolve-options.js';
import type { Reporter } from '../../reporting/reporter.js';
import { connectionsOf, Draining } from './draining.js';
import { SlowClients } from './slow-clients.js';
import { WriteCoalescer } from './write-coalescer.js';

/** The client connections of this instance. @internal */
export class ClientConnections {
  /** All Socket.IO servers of the app. */
  readonly servers = new Set<Server>();
  readonly slow: SlowClients;
  readonly draining: Draining;
  /** Undefined if each packet is written at once. */
  readonly coalescer: WriteCoalescer | undefined;

  constructor(
    options: Pick<ResolvedOptions, 'slowClients' | 'shutdown' | 'coalesceWrites'>,
    reporter: Reporter,
  ) {
    this.slow = new SlowClients(options.slowClients, () => connectionsOf(this.servers), reporter);
    this.draining = new Draining(() => this.servers, options.shutdown, reporter);
    this.coalescer = options.coalesceWrites ? new WriteCoalescer(this.slow, reporter) : undefined;
  }
}
