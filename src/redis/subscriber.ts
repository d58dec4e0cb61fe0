import type { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';

/** The connection of the events, or the one of requests and replies. */
export type SubscriberRole = 'subscriber' | 'control';

/** The reports of a subscriber to the transport. @internal */
export interface SubscriberHandlers {
  /** Whether all wanted channels are subscribed, and if not, the reason. */
  readonly changed: (subscribed: boolean, reason?: PropagatorError) => void;
  readonly message: (channel: string, message: Buffer) => void;
  /** A message of a wanted channel came over a connection that ioredis has given up, and was dropped. */
  readonly dropped: (channel: string) => void;
  readonly error: (error: unknown) => void;
  /** A connection is open. */
  readonly opened: (client: RedisClient) => void;
  /** A client threw in a timer, where an error would end the process. */
  readonly threw: (error: unknown) => void;
  /** The app tried to end subscriptions of this library on its borrowed client. They are kept. */
  readonly shared: (command: string) => void;
  /**
   * Messages of channels that were subscribed, or should have been, may have been missed; none before `since`, if
   * that is known.
   */
  readonly interrupted: (interrupted: InterruptedChannels, since?: number) => void;
}

/** The subscribing half of the transport: one connection, or one to each master of a Cluster. @internal */
export interface Subscriber {
  /** Listens to its client, which may be connected already. */
  start(): void;
  isSubscribed(channel: string): boolean;
  /**
   * Whether Redis counts this instance as a subscriber of the channel once it has processed the commands sent so
   * far.
   */
  isCounted(channel: string): boolean;
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** Replaces connections that the library owns, and subscribes again on borrowed ones. */
  reconnect(): void;
  /** Channels with this prefix, one for each server on which the permission is needed. */
  probes(channel: string): string[];
  /**
   * Subscribes to an otherwise unused channel while a function runs. Rejects if Redis refuses it. Resolves to
   * whether there was a connection all the time.
   */
  probe(channel: string, during?: () => Promise<void>): Promise<boolean>;
  close(): Promise<void>;
}
