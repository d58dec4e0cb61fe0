import type { ChannelSubscriptions } from '../redis/channel-subscriptions.js';

/** Keeps a channel subscribed. @internal */
export interface ChannelHold {
  /** Resolves once the channel is subscribed, or once waiting for it has taken too long. Never rejects. */
  readonly ready: Promise<void>;
  /** Whether {@link ready} has resolved. */
  readonly settled: boolean;
  release: () => void;
}

/** @internal */
export function holdChannel(
  subscriptions: ChannelSubscriptions,
  channel: string,
  listener: (message: Buffer) => void,
): ChannelHold {
  const subscription = subscriptions.acquire(channel, listener);
  const hold = {
    settled: false,
    // A failure was reported where it occurred, and the channel is subscribed as soon as that is possible.
    ready: subscription.ready
      .catch(() => undefined)
      .then(() => {
        hold.settled = true;
      }),
    release: () => subscription.release(),
  };
  return hold;
}
