import { Observable } from 'rxjs';
import type { Channels } from '../channels/channels.js';
import type { Reporter } from '../reporting/reporter.js';
import { BUCKETS, bucketOf, presenceChannel } from './store/presence-buckets.js';
import type { PresenceChange } from './store/presence-change.js';

const TYPES: ReadonlySet<unknown> = new Set(['online', 'offline', 'status']);

/**
 * The changes of all instances, from the channels on which the store publishes them. Subscribes to the channel of a bucket
 * while a subscriber watches one of its users.
 *
 * @internal
 */
export class PresenceWatch {
  constructor(
    private readonly sharedChannels: Channels,
    private readonly prefix: string,
    private readonly reporter: Reporter,
  ) {}

  of(userIds: readonly string[] | undefined): Observable<PresenceChange> {
    const wanted = userIds && new Set(userIds);
    const buckets = wanted ? new Set([...wanted].map(bucketOf)) : Array(BUCKETS).keys();
    const channels = [...buckets].map((bucket) => presenceChannel(this.prefix, bucket));
    return new Observable((subscriber) => {
      const held = channels.map((channel) =>
        this.sharedChannels.acquire(channel, (bytes) => {
          const change = this.read(bytes);
          if (change === undefined || wanted?.has(change.userId) === false) return;
          subscriber.next(change);
        }),
      );
      return () => {
        for (const handle of held) handle.release();
      };
    });
  }

  /** Undefined for a message that is no change, which is reported. */
  read(bytes: Buffer): PresenceChange | undefined {
    const change = decoded(bytes);
    if (change === undefined) {
      this.reporter.report('message.malformed', () => 'dropped a malformed presence message');
    }
    return change;
  }
}

function decoded(bytes: Buffer): PresenceChange | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, userId, status, at, instanceId } = value as Record<string, unknown>;
  const isChange =
    TYPES.has(type) &&
    typeof userId === 'string' &&
    (typeof status === 'string' || status === null) &&
    typeof at === 'number' &&
    typeof instanceId === 'string';
  if (!isChange) return undefined;
  return { type: type as PresenceChange['type'], userId, status, at, instanceId };
}
