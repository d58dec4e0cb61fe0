/**
 * The number of buckets of users. The data of a bucket is in one slot of a Redis Cluster, so that a script can change it
 * atomically; the buckets are spread over all slots. All instances have to use the same number.
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

/** Groups users by bucket. @internal */
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

/**
 * The hash tag of each bucket, in the braces of its keys. The slots of a Redis Cluster are divided into 256 equal parts,
 * and each bucket is in the middle of one of them: masters with even shares of the slots have even shares of the buckets.
 * A tag is the first of `b0`, `b1`, ... (`b` and a number in base 36) whose slot is one of the two in the middle of its
 * part. All instances have to use the same tags.
 */
const TAGS = `
  b3dy b67z b75w b2ft b8uu bh4 b5s b93p b22p b6z1 bb6d b2o7 b1nl baw bx8 b8ey bfji b6w2 b717 b2b4 b1co
  blt b13 b8hz b260 b7e3 b78t b2kw b8xv be7 b8p b17k b6s6 bfnm b2f0 b6jy bhp b1gk b934 b57 b6zu b224
  b2os b7xx ba3 b88z b13o bhxf b6wv bg5g b2bp b6n9 bl0 b85y b1zd b1w b7ew b26t b2k3 b6gz bes b1jh bdyw
  b84 b2n9 b6bp bc5g b2wv b8dw by6 b4xi b1ob b2gz b6k3 b66t b3ew b8m4 bpu b5jh bp b2jy b6f0 bbnm b2s6
  b16e b4ef bd9 b8yx b3xx b6os b624 b2zu b8it bt5 bmz b1ba b6b4 b317 b2w2 bbji byr b12a b89t b5co b6kw
  b38t b3e3 b660 b49 b8mp b4 b45f b6ft b35w b27z b7dy baor bdxy b1kf b48e b6o7 bf6d b2z1 b62p btq b8i0
  b84w b5nl bn b4q4 b4c b9vh b3ei b66j b74g b2gd b9fd b4xw b4a8 b1v3 b2wh bbj3 b6bn b31m b9kg bmd b53q
  b8ij b2zk bbg0 b6om b3xf b8yf b5gu b4ex b1rs b3hj bbns b79d b2jg b45x b9oc b8mn b57u b7id bg07 b38j
  b6ki b4x3 b1o8 b1vw byl bbjw b3ln b2nc b7yh b418 b84i b96d bto b62n b3am bf6z b70c bdc b1kx b1r7
  baol b7dg b27d b35i b6fj b135 bajf bai b1nr b30c bb6z b7am b22n b93n b5m b442 b1g1 b2fj b75i b67d
  b3dg b17u b8n b491 b1j2 b2ki b78j bc07 b3id b8hd b4m5 blj b1cq b3yh b6nc b7ln bfjw bxb b13q b1n6
  ba7e b7xf b2om bfg0 b6zk b4i1 bd0b b1gu bhn b6jg b39d bfns b7hj b4d2 b171 b1jv bem b6gd b34g b26j
  b7ei b1i b1zz b1c5 b406 b71m b2bn bfj3 b6wh
`
  .trim()
  .split(/\s+/);

/** The channel for changes of the users of a bucket. The braces put it into the slot of the bucket's data. @internal */
export function presenceChannel(prefix: string, bucket: number): string {
  return `${prefix}:presence:{${TAGS[bucket]}}`;
}
