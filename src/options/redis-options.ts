import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

/** Makes all options accept undefined, as the environment gives it. */
type OrUndefined<T> = { [K in keyof T]: T[K] | undefined };

/**
 * The parts of an ioredis client that this library needs. A structural type, so that `Redis` and `Cluster` of
 * ioredis 5 and 6 all match (their own types are not assignable to one another).
 */
export interface RedisClient {
  readonly status: string;
  publish(channel: string, message: Buffer): Promise<number>;
  subscribe(...channels: string[]): Promise<unknown>;
  unsubscribe(...channels: string[]): Promise<unknown>;
  spublish(channel: string, message: Buffer): Promise<unknown>;
  ssubscribe(...channels: string[]): Promise<unknown>;
  sunsubscribe(...channels: string[]): Promise<unknown>;
  eval(script: string, numberOfKeys: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  evalsha(sha: string, numberOfKeys: number, ...keysAndArgs: (string | number)[]): Promise<unknown>;
  connect(): Promise<void>;
  disconnect(reconnect?: boolean): void;
  quit(): Promise<unknown>;
  // `any`, as in Node's EventEmitter: with `unknown` or `never` the clients of ioredis do not match.
  // oxlint-disable-next-line typescript/no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any
  off(event: string, listener: (...args: any[]) => void): unknown;
}

/** Clients that the app created. The library uses them, never closes them, and does not change their options. */
export interface BorrowedRedisClients {
  publisher: RedisClient;
  /** Must not be the same client as `publisher`: a subscribed connection accepts no other commands. */
  subscriber: RedisClient;
  /**
   * Subscribed to requests and replies between instances, which then arrive while the subscriber has too many events to read,
   * or is cut off by Redis because of them. Not on a Cluster, where the library makes this connection itself.
   * @default made with `subscriber.duplicate()`; if that is impossible, requests and replies arrive on the subscriber
   */
  control?: RedisClient | undefined;
}

/** The nodes of a Redis Cluster, and ioredis' own Cluster options. */
export interface RedisClusterConnection {
  nodes: ClusterNode[];
  /** @default {} */
  options?:
    | (Omit<OrUndefined<ClusterOptions>, 'redisOptions'> & {
        redisOptions?: OrUndefined<NonNullable<ClusterOptions['redisOptions']>> | undefined;
      })
    | undefined;
}

/**
 * A URL together with ioredis' own options, such as `rediss://` with your own certificate in `tls`. An option that
 * contradicts the URL is refused (`option.invalid`).
 */
export type RedisUrlConnection = OrUndefined<RedisOptions> & { url: string };

/**
 * The connection to Redis: a URL (`redis://`, `rediss://`), ioredis' options (including Sentinel's `sentinels` and
 * `name`), both together, the nodes of a Cluster, or clients that the app created.
 */
export type RedisConnection =
  | string
  | OrUndefined<RedisOptions>
  | RedisUrlConnection
  | RedisClusterConnection
  | BorrowedRedisClients;
