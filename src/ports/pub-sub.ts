import type { Observable } from 'rxjs';

/**
 * - `connecting`: started, not yet connected
 * - `ready`: messages are sent and all wanted channels are subscribed
 * - `degraded`: at least one of the two is not true; the transport recovers by itself
 * - `closed`: ended for good
 */
export type PubSubState = 'connecting' | 'ready' | 'degraded' | 'closed';

/** Whether messages of a channel may have been missed. */
export type InterruptedChannels = (channel: string) => boolean;

/** Receives every message of every subscribed channel. It must not change the bytes, and must not throw. */
export type PubSubListener = (channel: string, message: Buffer) => void;

/**
 * The port that carries bytes between instances. `RedisPubSub` is the default, `InMemoryPubSub` is for a single
 * process and for unit tests. Any other implementation has to keep this contract, which `pubSubConformance` of
 * `nestjs-redis-propagator/testing` checks:
 *
 * - A message reaches every instance that is subscribed to its channel when it is published, including the
 *   publishing one, and no other. Channels are compared by their whole names: there are no patterns.
 * - Messages of one publisher on one channel arrive in the order of the calls, at most once, and unchanged.
 * - `publish` resolves to the number of subscribed instances to which the message was delivered. It rejects with a
 *   coded error if the message was not, or may not have been, delivered. It always settles within a time limit.
 * - `subscribe` resolves once messages published from then on arrive. If that takes too long it rejects, and the
 *   channel stays wanted: it is subscribed as soon as possible. Subscribing twice is subscribing once.
 * - `unsubscribe` also settles the promise of a pending `subscribe`.
 * - After a call of `unsubscribe` the listeners get no further message of that channel.
 * - Subscriptions survive lost connections.
 * - No message can end a subscription or the process.
 */
export interface PubSub {
  readonly state: PubSubState;
  /** Emits the current state at once, then each change. */
  readonly state$: Observable<PubSubState>;
  /** Opens connections. Resolves when they are open, or when it is clear that this will take longer. Never rejects. */
  connect(): Promise<void>;
  /**
   * Whether messages of one publisher arrive in the order of the calls whatever their channels, as on a single Redis. Events
   * that waited for the transport are then published in the order of their emits, otherwise in that of each channel.
   * @default false
   */
  readonly ordersChannels?: boolean;
  /**
   * Names the order that a publish on this channel takes its place in now: messages of one publisher with the same name
   * arrive in the order of the calls. A connection that replaces another one has another name, since what is in flight on
   * the first one may arrive at any time. Undefined: unknown.
   * @default one order for all channels where `ordersChannels` is true, else none
   */
  laneOf?(channel: string): string | undefined;
  /**
   * Names the server that takes a publish on this channel now. Messages of all publishers that go to the same server arrive
   * in one order on a connection to it, if `laneOf` or `ordersChannels` says that there is an order. Undefined: unknown.
   * @default one server
   */
  serverOf?(channel: string): string | undefined;
  /**
   * Names of channels that begin with this one, so that each server takes those of one of them. Called at each heartbeat.
   * @default only this one
   */
  channelsOfServers?(channel: string): readonly string[];
  publish(channel: string, message: Buffer): Promise<number>;
  subscribe(channel: string): Promise<void>;
  /**
   * Like `subscribe`, for a channel with replies and requests to this instance. A transport with a second subscribed
   * connection receives them there: they arrive while the connection of the events is overloaded or lost, and in no common
   * order with events. The other members take this channel, too, but `onInterruption` does not report it.
   * @default subscribe
   */
  subscribeControl?(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Whether messages of this channel currently arrive, as far as this instance knows. */
  isSubscribed(channel: string): boolean;
  /**
   * Whether the subscriber count of a publish that is sent now includes this instance. Called immediately before
   * the publish, because subscribing and unsubscribing take time.
   * @default isSubscribed
   */
  countsItself?(channel: string): boolean;
  /**
   * Whether to publish at this moment. A publish that is refused while this is `false` was certainly not delivered.
   * @default always
   */
  isOpen?(): boolean;
  /**
   * Adds a listener that is called when messages of subscribed channels may be missed from now on, or may have been
   * missed since a moment ago: a subscribed connection was lost, or a channel was subscribed late. Returns a
   * function that removes the listener. `since` is the exact start, by `performance.now()`, if it is known: the
   * channel was not subscribed earlier. Without it, the loss may have begun before it was noticed.
   * @default nothing is ever missed
   */
  onInterruption?(listener: (interrupted: InterruptedChannels, since?: number) => void): () => void;
  /** Adds a listener for all subscribed channels. Returns a function that removes it. */
  onMessage(listener: PubSubListener): () => void;
  /** Replaces the connections, if there are any. Called when messages stop arriving without an error. */
  reconnect?(): void;
  /**
   * Releases everything that this object owns. Pending promises settle, `state$` completes. A second call does
   * nothing.
   */
  close(): Promise<void>;
}
