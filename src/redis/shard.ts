import type { PropagatorError } from '../errors.js';
import { ClientEvents } from './client-events.js';
import { subscriberOptions } from './client-factory.js';
import { CHANNELS_DROPPED, channelsOf, type NodeClient } from './ioredis-internals.js';
import { Liveness } from './liveness.js';
import { quit } from './quit.js';
import { isGivenUp, outliveSocketErrors } from './stream-errors.js';
import { SubscriberConnection } from './subscriber-connection.js';
import type { SubscriberHandlers, SubscriberRole } from './subscriber.js';
import type { Waiters } from './waiters.js';

/** @internal */
export interface ShardHandlers extends Pick<
  SubscriberHandlers,
  'message' | 'dropped' | 'error' | 'opened' | 'threw'
> {
  /** A failure of these channels alone, on an open connection. */
  readonly missed: SubscriberHandlers['interrupted'];
  /** A message of a channel that is not, or no longer, wanted here. */
  readonly stray: SubscriberHandlers['message'];
  changed(): void;
  /** Messages of its channels may have been missed. */
  interrupted(): void;
  /** This node has dropped channels, or refuses them: another node has their slot now. */
  moved(): void;
}

/**
 * The subscribed connection to one master of a Cluster. The library owns it, even if the Cluster client is
 * borrowed.
 *
 * @internal
 */
export class Shard {
  readonly connection: SubscriberConnection;
  private readonly client: NodeClient;
  private readonly events: ClientEvents;
  private settled = false;
  private wasOpen = false;
  private wasLost = false;
  private refusal: PropagatorError | undefined;
  private readonly liveness: Liveness;
  /** Redis has dropped channels, and it is not known yet which ones: see {@link ShardHandlers.moved}. */
  private doubtful = false;
  closed = false;

  constructor(
    node: NodeClient,
    role: SubscriberRole,
    subscribeTimeoutMs: number,
    waiters: Waiters,
    on: ShardHandlers,
  ) {
    this.client = node.duplicate(subscriberOptions(role));
    this.liveness = new Liveness(this.client, 1);
    this.connection = new SubscriberConnection(
      this.client,
      true,
      subscribeTimeoutMs,
      {
        settled: (refusal) => {
          this.settled = true;
          this.refusal = refusal;
          on.changed();
        },
        missed: on.missed,
        threw: on.threw,
      },
      waiters,
    );
    this.events = new ClientEvents(
      this.client,
      true,
      {
        ready: () => {
          // Channels wanted before the first connection could not be received either.
          if (!this.wasOpen && this.connection.isNeeded) on.interrupted();
          this.wasOpen = true;
          on.opened(this.client);
          this.connection.opened();
        },
        close: () => {
          if (this.wasOpen) on.interrupted();
          this.wasOpen = false;
          this.wasLost = true;
          this.settled = false;
          this.connection.lost();
          on.changed();
        },
        error: (error: unknown) => on.error(error),
        [CHANNELS_DROPPED]: () => {
          this.doubtful = true;
          on.interrupted();
          on.moved();
          on.changed();
        },
        smessageBuffer: (channel: Buffer, message: Buffer) => {
          const name = channel.toString();
          const isWanted = this.connection.isWanted(name);
          if (isGivenUp(this.client)) {
            if (isWanted) on.dropped(name);
          } else if (isWanted) on.message(name, message);
          else on.stray(name, message);
        },
      },
      on.threw,
    );
    this.events.attach();
    outliveSocketErrors(this.client);
    // A failed first attempt is followed by others; the 'error' event gives the reason.
    this.client.connect().catch(() => undefined);
  }

  /** Whether it is being opened for the first time. */
  get isNew(): boolean {
    return !this.wasLost && !this.settled && this.refusal === undefined;
  }

  /** Whether all channels of this node are subscribed, and if not, the reason. */
  get state(): { subscribed: boolean; reason?: PropagatorError } {
    const subscribed = this.settled && this.refusal === undefined && !this.doubtful;
    return this.refusal === undefined ? { subscribed } : { subscribed, reason: this.refusal };
  }

  isSubscribed(channel: string): boolean {
    return !this.doubtful && this.connection.isSubscribed(channel);
  }

  /** Not healthy until all channels handed over to this node are subscribed. */
  expect(channels: Iterable<string>): void {
    for (const channel of channels) {
      if (!this.connection.want(channel)) this.settled = false;
    }
  }

  get connected(): boolean {
    return this.client.status === 'ready';
  }

  /** Called at intervals. */
  check(): void {
    this.liveness.check();
  }

  reconnect(): void {
    this.liveness.reset();
  }

  /** Subscribes again the channels that this node has dropped although it has their slots. */
  settleDoubts(): void {
    if (!this.doubtful) return;
    this.doubtful = false;
    if (!this.connected) return;
    // ioredis does not say which channels Redis has dropped, only which ones are left.
    const held = channelsOf(this.client, 'ssubscribe');
    if (held === undefined) this.connection.opened();
    else if (!this.connection.lostAllBut(new Set(held))) return;
    this.settled = false;
  }

  async close(): Promise<void> {
    this.closed = true;
    this.connection.lost();
    this.events.detach();
    await quit(this.client);
  }
}
