import type { Observable } from 'rxjs';

/**
 * - `connecting`: started, not yet connected
 * - `ready`: messages are sent and all wanted channels are subscribed
 * - `degraded`: at least one of the two does not hold; it heals by itself
 * - `closed`: ended for good
 */
export type PubSubState = 'connecting' | 'ready' | 'degraded' | 'closed';

/** Whether a channel is among those that could not be heard for a while. */
export type InterruptedChannels = (channel: string) => boolean;

/** Receives every message of every subscribed channel. It must not change the bytes, and it does not throw. */
export type PubSubListener = (channel: string, message: Buffer) => void;

/**
 * The port that carries bytes between instances. `RedisPubSub` is the default, `InMemoryPubSub` ships for
 * one-instance runs and unit tests; any other implementation has to keep this contract, which
 * `pubSubConformance` of `nestjs-redis-propagator/testing` checks:
 *
 * - A message reaches every instance that is subscribed to its channel when it is published, the publisher's own
 *   instance included, and nobody else. A channel is matched by its whole name: there are no patterns.
 * - Messages of one publisher on one channel arrive in the order of the calls, at most once, byte by byte as sent.
 * - `publish` resolves to the number of subscribed instances that the message was handed to. It rejects with a
 *   coded error when the message was not, or may not have been, handed over. It never waits without a bound.
 * - `subscribe` resolves once messages published from then on arrive. When that takes too long it rejects, and the
 *   channel stays wanted: it is subscribed as soon as that is possible. Subscribing twice is subscribing once.
 * - `unsubscribe` also ends the waiting of a `subscribe` that is under way: its promise settles.
 * - After `unsubscribe` was called no further message of that channel is handed to the listeners.
 * - Subscriptions outlive lost connections.
 * - Nothing that arrives can end a subscription or the process.
 */
export interface PubSub {
  readonly state: PubSubState;
  /** The current state at once, then each change. */
  readonly state$: Observable<PubSubState>;
  /** Opens connections. Resolves when they are open, or when it is known that it will take longer. Never rejects. */
  connect(): Promise<void>;
  publish(channel: string, message: Buffer): Promise<number>;
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Whether messages of this channel arrive at this moment, as far as this instance knows. */
  isSubscribed(channel: string): boolean;
  /**
   * Whether a publish that is sent now will count this instance. To be asked right before it, since subscribing and
   * unsubscribing take their time.
   * @default isSubscribed
   */
  countsItself?(channel: string): boolean;
  /**
   * Whether it makes sense to publish at this moment. What is refused while it is not was certainly not handed over.
   * @default always
   */
  isOpen?(): boolean;
  /**
   * Adds a listener that is called when messages of subscribed channels may have been missed from now on, or since a
   * moment ago: a subscribed connection was lost, or a channel is subscribed later than was waited for. The function
   * that comes back removes it. `since` is when it began, by `performance.now()`, where that is known to the moment: a
   * channel that nobody could have heard before. Without it, it may have begun before it was noticed.
   * @default nothing is ever missed
   */
  onInterruption?(listener: (interrupted: InterruptedChannels, since?: number) => void): () => void;
  /** Adds a listener for all subscribed channels; the function that comes back removes it. */
  onMessage(listener: PubSubListener): () => void;
  /** Makes the connections anew, where there are any: called when messages stay away without an error. */
  reconnect?(): void;
  /** Ends everything this object owns. Pending promises settle, `state$` completes. Calling it twice is fine. */
  close(): Promise<void>;
}
