import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import type { SocketStateService } from '../sockets/socket-state.service.js';

/** What presence of an instance works with, beside the store. @internal */
export interface TrackerSurroundings {
  readonly pubSub: PubSub;
  readonly state: SocketStateService;
  readonly reporter: Reporter;
  /** Called when the store may not have what it was told beside presence. */
  onRetold(): void;
  /** Called after each renewal of the lease. */
  onRenewed(): void;
}
