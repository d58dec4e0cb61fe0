/**
 * How many parts the users are divided into. The data of a part is in one slot of a Redis Cluster, so that a script
 * can change it as a whole; the parts are spread over all slots. All instances have to agree on the number.
 */
export const BUCKETS = 256;

/** FNV-1a (RFC 9923), 32 bits, over the UTF-16 code units. @internal */
export function bucketOf(userId: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < userId.length; i++) {
    hash = Math.imul(hash ^ userId.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % BUCKETS;
}

/** The users of each bucket. @internal */
export function byBucket(userIds: Iterable<string>): Map<number, string[]> {
  const buckets = new Map<number, string[]>();
  for (const userId of userIds) {
    const bucket = bucketOf(userId);
    const users = buckets.get(bucket);
    if (users === undefined) buckets.set(bucket, [userId]);
    else users.push(userId);
  }
  return buckets;
}

/** The channel on which changes of a bucket's users are told. The braces put it into the slot of the data. @internal */
export function presenceChannel(prefix: string, bucket: number): string {
  return `${prefix}:presence:{${bucket}}`;
}
