import { ClientEvents } from './client-events.js';
import { SHARD_WAYS } from './client-factory.js';
import type { NodeClient } from './cluster-topology.js';
import { quit } from './quit.js';
import { outliveSocketErrors } from './stream-errors.js';
import { SubscriberConnection } from './subscriber-connection.js';
import type { SubscriberHandlers } from './subscriber.js';
import type { Waiters } from './waiters.js';

/** A connection that has been opening for this many checks will not open. */
const CHECKS_TO_OPEN = 3;

/** @internal */
export interface ShardHandlers extends Pick<SubscriberHandlers, 'message' | 'error'> {
  changed(): void;
  /** Its channels may have missed something. */
  interrupted(): void;
  /** This node has dropped channels, or does not take them: their slot is with another node now. */
  moved(): void;
}

/**
 * The subscribed connection to one master of a Cluster. It is ours, also where the Cluster client is the app's.
 *
 * @internal
 */
export class Shard {
  readonly connection: SubscriberConnection;
  private readonly client: NodeClient;
  private readonly events: ClientEvents;
  private settled = false;
  private wasOpen = false;
  private refusal: string | undefined;
  private unanswered = false;
  private opening = 0;
  /** Whether the topology may explain why channels were dropped; see {@link ShardHandlers.moved}. */
  doubtful = false;
  closed = false;

  constructor(node: NodeClient, subscribeTimeoutMs: number, waiters: Waiters, on: ShardHandlers) {
    this.client = node.duplicate(SHARD_WAYS);
    this.connection = new SubscriberConnection(
      this.client,
      true,
      subscribeTimeoutMs,
      (refusal) => {
        this.settled = true;
        this.refusal = refusal?.message;
        on.changed();
      },
      waiters,
    );
    this.events = new ClientEvents(this.client, true, {
      ready: () => {
        // What was wanted before the first connection could not be heard either.
        if (!this.wasOpen && this.connection.isNeeded) on.interrupted();
        this.wasOpen = true;
        this.connection.opened();
      },
      close: () => {
        if (this.wasOpen) on.interrupted();
        this.wasOpen = false;
        this.settled = false;
        this.connection.lost();
        on.changed();
      },
      error: (error: unknown) => on.error(error),
      moved: () => {
        on.interrupted();
        on.moved();
      },
      smessageBuffer: (channel: Buffer, message: Buffer) => {
        const name = channel.toString();
        // An SUNSUBSCRIBE takes a moment, and a slot that moves may be heard from both sides for one.
        if (this.connection.isWanted(name)) on.message(name, message);
      },
    });
    this.events.attach();
    outliveSocketErrors(this.client);
    // A failed first attempt is followed by others; the 'error' event says why.
    this.client.connect().catch(() => undefined);
  }

  /** Whether all channels of this node are subscribed, and if not, why. */
  get state(): { subscribed: boolean; reason?: string } {
    const subscribed = this.settled && this.refusal === undefined;
    return this.refusal === undefined ? { subscribed } : { subscribed, reason: this.refusal };
  }

  /** Until what was handed over to this node is subscribed, it is not well. */
  expect(channels: Iterable<string>): void {
    for (const channel of channels) {
      if (!this.connection.want(channel)) this.settled = false;
    }
  }

  get connected(): boolean {
    return this.client.status === 'ready';
  }

  /** Called in intervals: a connection that is half-open is silent, not closed. */
  check(): void {
    if (!this.connected) {
      // ioredis bounds the wait for a connection, but not for the first answer on it.
      this.opening = this.client.status === 'connect' ? this.opening + 1 : 0;
      if (this.opening >= CHECKS_TO_OPEN) this.reconnect();
      return;
    }
    this.opening = 0;
    if (this.unanswered) {
      this.reconnect();
      return;
    }
    this.unanswered = true;
    const answered = () => {
      this.unanswered = false;
    };
    this.client.ping().then(answered, answered);
  }

  reconnect(): void {
    this.opening = 0;
    this.unanswered = false;
    this.client.disconnect(true);
  }

  /** Subscribes everything again: this node may have dropped channels that it still has to serve. */
  resubscribe(): void {
    if (this.connected) this.connection.opened();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.connection.lost();
    this.events.detach();
    await quit(this.client);
  }
}
