import type { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { asPropagatorError } from './redis-error.js';
import type { Subscriber } from './subscriber.js';

const NOTHING = Buffer.alloc(0);

/** What an instance has to be allowed, and where. @internal */
export interface Access {
  /** Begins the names of channels that nobody is subscribed to, nor ever will be. */
  readonly channel: string;
  /** The channels that the ACL user needs, as ACLs write them. */
  readonly pattern: string;
}

/**
 * Tries what every instance has to be allowed: to publish, to subscribe and to unsubscribe, on each master of a
 * Cluster. Nobody else notices. What heals by itself, such as a Redis that is away, does not reject.
 *
 * @throws PropagatorError `redis.permission`, `redis.command-failed`
 * @internal
 */
export async function tryAccess(
  { channel, pattern }: Access,
  { publisher, cluster }: { readonly publisher: RedisClient; readonly cluster: boolean },
  subscriber: Subscriber,
): Promise<void> {
  const attempt = async (
    command: string,
    name: string,
    work: () => Promise<unknown>,
  ): Promise<void> => {
    const refusal = await work().then(
      () => undefined,
      (thrown: unknown): PropagatorError =>
        asPropagatorError(thrown, command, name, `the channels &${pattern}`),
    );
    if (refusal !== undefined && refusal.code !== 'redis.unavailable') throw refusal;
  };
  for (const name of subscriber.probes(channel)) {
    if (publisher.status === 'ready') {
      await (cluster
        ? attempt('SPUBLISH', name, () => publisher.spublish(name, NOTHING))
        : attempt('PUBLISH', name, () => publisher.publish(name, NOTHING)));
    }
    await attempt(cluster ? 'SSUBSCRIBE' : 'SUBSCRIBE', name, () => subscriber.probe(name));
  }
}
