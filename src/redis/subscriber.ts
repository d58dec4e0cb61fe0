import type { PropagatorError } from '../errors.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';

/** What a subscriber tells the transport. @internal */
export interface SubscriberHandlers {
  /** Whether everything that is wanted is subscribed, and if not, why. */
  readonly changed: (subscribed: boolean, reason?: PropagatorError) => void;
  readonly message: (channel: string, message: Buffer) => void;
  readonly error: (error: unknown) => void;
  /** A client threw in a timer, where that would end the process. */
  readonly threw: (error: unknown) => void;
  /** The app wanted to end subscriptions of this library, on the client that it lent. They are kept. */
  readonly shared: (command: string) => void;
  /** Channels that were subscribed, or should have been, may have missed something; nothing before `since`, if that is known. */
  readonly interrupted: (interrupted: InterruptedChannels, since?: number) => void;
}

/** The subscribing half of the transport: one connection, or one to each master of a Cluster. @internal */
export interface Subscriber {
  /** Listens to its client, which may be connected already. */
  start(): void;
  isSubscribed(channel: string): boolean;
  /** Whether Redis counts us among the channel's subscribers, once it has read what was sent to it so far. */
  isCounted(channel: string): boolean;
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Opens new connections, where this library made them; subscribes again on one that the app lent. */
  reconnect(): void;
  /** Channels that begin like this one, one for each server that has to let us subscribe. */
  probes(channel: string): string[];
  /**
   * Subscribes to a channel that nobody wants, for as long as something is done; rejects with what Redis refused.
   * Resolves to whether there was a connection all the time.
   */
  probe(channel: string, during?: () => Promise<void>): Promise<boolean>;
  close(): Promise<void>;
}
