import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis';

/** Options that may be undefined as well as left out, as the environment gives them. */
type OrUndefined<T> = { [K in keyof T]: T[K] | undefined };

/**
 * What this library needs of an ioredis client. A structural type, so that `Redis` and `Cluster` of ioredis 5
 * and 6 all fit (their own types are not assignable to one another).
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
  // `any`, as in Node's EventEmitter: with `unknown` or `never` ioredis' clients do not fit.
  // oxlint-disable-next-line typescript/no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
  // oxlint-disable-next-line typescript/no-explicit-any
  off(event: string, listener: (...args: any[]) => void): unknown;
}

/** Clients that the app made. They are used, never closed, and their options stay the app's affair. */
export interface BorrowedRedisClients {
  publisher: RedisClient;
  /** Must not be the same client as `publisher`: a subscribed connection takes no other commands. */
  subscriber: RedisClient;
}

/** The nodes of a Redis Cluster, and ioredis' own options for it. */
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
 * A URL and ioredis' own options beside it, such as `rediss://` with a certificate of your own in `tls`. An option that
 * contradicts the URL is refused (`option.invalid`).
 */
export type RedisUrlConnection = OrUndefined<RedisOptions> & { url: string };

/**
 * Where Redis is: a URL (`redis://`, `rediss://`), ioredis' options (Sentinel's `sentinels` and `name` among
 * them), both together, the nodes of a Cluster, or clients that the app made.
 */
export type RedisConnection =
  | string
  | OrUndefined<RedisOptions>
  | RedisUrlConnection
  | RedisClusterConnection
  | BorrowedRedisClients;
