import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { asPropagatorError, refusedLogin } from './redis-error.js';
import type { Subscriber } from './subscriber.js';

const NOTHING = Buffer.alloc(0);
/** A subscriber that reconnected in between proves nothing. */
const ATTEMPTS = 3;
/** How long a message may take from one server to another. Only a failing start waits this long. @internal */
export const REPLICATION_MS = 1_000;

/** The required permissions of an instance. @internal */
export interface Access {
  /** The prefix of channels to which nobody ever subscribes. */
  readonly channel: string;
  /** The channels that the ACL user needs, as ACLs write them. */
  readonly pattern: string;
}

interface Connections {
  readonly publisher: RedisClient;
  readonly cluster: boolean;
  readonly subscriber: Subscriber;
  /** Resolves to whether a message arrives on a channel within this time. */
  readonly hears: (channel: string, ms: number) => Promise<boolean>;
}

/**
 * Tests the permissions that every instance needs: to publish, to subscribe and to unsubscribe, on each master of a
 * Cluster. Also tests whether its messages reach the server of its subscriptions. Other instances do not notice it.
 * A temporary failure, such as a Redis that is down, does not reject.
 *
 * @throws PropagatorError `redis.permission`, `redis.not-heard`, `redis.command-failed`
 * @internal
 */
export async function tryAccess(
  { channel, pattern }: Access,
  { publisher, cluster, subscriber, hears }: Connections,
): Promise<void> {
  /** Resolves to undefined if Redis is down. */
  const attempt = async <T>(
    command: string,
    name: string,
    work: () => Promise<T>,
  ): Promise<T | undefined> => {
    try {
      return await work();
    } catch (thrown) {
      const error = asPropagatorError(thrown, command, name, `the channels &${pattern}`);
      if (error.code !== 'redis.unavailable') throw error;
      // Without a ready check this is the first command to which Redis replies.
      const refusal = refusedLogin(thrown);
      if (refusal !== undefined) throw refusal;
      return undefined;
    }
  };
  const subscribe = cluster ? 'SSUBSCRIBE' : 'SUBSCRIBE';
  const publish = (name: string): Promise<unknown> =>
    attempt(cluster ? 'SPUBLISH' : 'PUBLISH', name, () =>
      cluster ? publisher.spublish(name, NOTHING) : publisher.publish(name, NOTHING),
    );
  for (const name of subscriber.probes(channel)) {
    if (publisher.status !== 'ready') {
      await attempt(subscribe, name, () => subscriber.probe(name));
      continue;
    }
    await compare(name);
  }

  /** While this instance is subscribed to the channel, a publish must count one more subscriber. */
  async function compare(name: string): Promise<void> {
    // Clients that listen to every channel are counted as well.
    const before = await publish(name);
    let heard = false;
    for (let times = 1; times <= ATTEMPTS; times++) {
      const hearing = times === ATTEMPTS ? hears(name, REPLICATION_MS) : undefined;
      let after: unknown;
      const subscribed = await attempt(subscribe, name, () =>
        subscriber.probe(name, async () => {
          after = await publish(name);
          if (after !== undefined && !(Number(after) > Number(before)))
            heard = (await hearing) ?? false;
        }),
      );
      // Redis is down, or the connection is lost: nothing is known.
      if (subscribed !== true || after === undefined || before === undefined) return;
      if (Number(after) > Number(before)) return;
    }
    throw PropagatorError.of('redis.not-heard', [heard]);
  }
}
