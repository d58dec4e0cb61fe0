import type { PubSub } from '../ports/pub-sub.js';

/** Publishes; resolves to the number of instances other than this one that the message was handed to. @internal */
export function publishToOthers(pubSub: PubSub, channel: string, bytes: Buffer): Promise<number> {
  try {
    const self = (pubSub.countsItself?.(channel) ?? pubSub.isSubscribed(channel)) ? 1 : 0;
    const published = pubSub.publish(channel, bytes);
    return self === 0 ? published : published.then((instances) => Math.max(0, instances - self));
  } catch (error) {
    // An app's own transport may throw where it should reject.
    return Promise.reject(error);
  }
}
