import { createHash } from 'node:crypto';
import { PropagatorError } from '../errors.js';
import { isError } from '../kinds.js';
import type { RedisClient } from '../options/redis-options.js';
import { TimeLimit } from '../reporting/time-limit.js';
import { ClientEvents } from './client-events.js';
import { isClusterClient } from './cluster-topology.js';
import { asPropagatorError, movedWithoutCluster, refusedWrite } from './redis-error.js';

/** A script for Redis, in Lua; it runs as a whole or not at all. @internal */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** @internal */
export function redisScript(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

type Argument = string | number;

/** Scripts are for presence and for the limit of sockets. */
const CONSEQUENCE = 'who is online is not known now, and was not changed';

/**
 * Runs scripts on the connection that publishes. Nothing is queued while Redis is away, and no answer is waited for
 * without a bound.
 *
 * @internal
 */
export class RedisScripts {
  private readonly events: ClientEvents;
  private losses = 0;
  private closed = false;

  constructor(
    private readonly client: RedisClient,
    private readonly timeoutMs: number,
    /** The keys that the ACL user needs, as ACLs write them. */
    private readonly pattern: string,
  ) {
    const lost = (): void => {
      this.losses++;
    };
    // The second one is a Cluster's, of the connection to one node.
    this.events = new ClientEvents(client, false, { close: lost, '-node': lost }, lost);
    this.events.attach();
  }

  /** One more for each connection that was lost: what was sent before may be run later than what is sent now. */
  get connection(): number {
    return this.losses;
  }

  close(): void {
    this.closed = true;
    this.events.detach();
  }

  /**
   * @throws PropagatorError `redis.unavailable`, `redis.timeout`, `redis.no-writes`, `redis.permission`,
   * `redis.command-failed`: whether
   * the script has run is unknown then
   */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    return this.attempt('EVALSHA', () => this.evaluate(script, keys, args));
  }

  /**
   * As {@link run}, for a script that Redis may have been told already: it is told anew, so all permissions are needed.
   *
   * @throws PropagatorError as {@link run}
   */
  async runAnew({ text }: RedisScript, keys: readonly string[]): Promise<unknown> {
    return this.attempt('EVAL', () => this.client.eval(text, keys.length, ...keys));
  }

  private async attempt(command: string, work: () => Promise<unknown>): Promise<unknown> {
    if (this.closed) throw PropagatorError.of('redis.closed', []);
    const { status } = this.client;
    // ioredis would keep a command for a Cluster that is not connected for when it is.
    if (status !== 'ready') {
      throw PropagatorError.of('redis.unavailable', [`the connection is "${status}"`, CONSEQUENCE]);
    }
    try {
      return await this.withinTime(command, work());
    } catch (error) {
      throw this.failure(error, command);
    }
  }

  /** What Redis' answer means to the app. */
  failure(error: unknown, command = 'EVALSHA'): PropagatorError {
    const { pattern } = this;
    const moved = isClusterClient(this.client) ? undefined : movedWithoutCluster(error);
    const known = moved ?? refusedWrite(error);
    if (known !== undefined) return known;
    return asPropagatorError(
      error,
      command,
      undefined,
      `the keys ~${pattern} and the channels &${pattern}, with all commands that docs/recipes.md lists`,
      CONSEQUENCE,
    );
  }

  private async evaluate(
    { sha, text }: RedisScript,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    try {
      return await this.client.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      // A Redis (or a node of a Cluster) that has not seen it yet, or was restarted.
      if (!isError(error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await this.client.eval(text, keys.length, ...keys, ...args);
    }
  }

  private async withinTime<T>(command: string, work: Promise<T>): Promise<T> {
    let limit: TimeLimit | undefined;
    const bound = new Promise<never>((_, reject) => {
      limit = new TimeLimit(this.timeoutMs, reject, () => {
        reject(PropagatorError.of('redis.timeout', [command, this.timeoutMs]));
      });
    });
    try {
      return await Promise.race([work, bound]);
    } finally {
      limit?.clear();
    }
  }
}
