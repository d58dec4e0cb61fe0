import { createHash } from 'node:crypto';
import { PropagatorError } from '../errors.js';
import { isError } from '../kinds.js';
import type { RedisClient } from '../options/redis-options.js';
import { TimeLimit } from '../reporting/time-limit.js';
import { ClientEvents } from './client-events.js';
import { isClusterClient } from './ioredis-internals.js';
import { asPropagatorError, movedWithoutCluster, refusedWrite } from './redis-error.js';

/** A Lua script for Redis, which is executed as a whole or not at all. @internal */
export interface RedisScript {
  readonly text: string;
  readonly sha: string;
}

/** Part of a script: `now` by the clock of Redis, in ms since 1970. @internal */
export const REDIS_NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** @internal */
export function redisScript(text: string): RedisScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

type Argument = string | number;

/** What the scripts are for. */
interface ScriptUse {
  /** The effect of a script that did not run. */
  readonly consequence: string;
  /** Whether they publish, on channels with the names of the keys. */
  readonly publish: boolean;
}

const PRESENCE: ScriptUse = {
  consequence: 'presence is unknown at the moment and was not changed',
  publish: true,
};

/**
 * Runs scripts on the publishing connection. Nothing is queued while Redis is down, and every call has a time
 * limit.
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
    private readonly use = PRESENCE,
  ) {
    const lost = (): void => {
      this.losses++;
    };
    // The second message comes from a Cluster, about the connection to one node.
    this.events = new ClientEvents(client, false, { close: lost, '-node': lost }, lost);
  }

  /**
   * Incremented for each lost connection: earlier calls may be executed after later ones. Counted from the first use of this property
   * on: the client may be the app's, where each listener counts.
   */
  get connection(): number {
    if (!this.closed) this.events.attach();
    return this.losses;
  }

  close(): void {
    this.closed = true;
    this.events.detach();
  }

  /**
   * @throws PropagatorError `redis.unavailable`, `redis.timeout`, `redis.no-writes`, `redis.permission`,
   * `redis.command-failed`: it is unknown then whether the script was executed
   */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly Argument[],
  ): Promise<unknown> {
    return this.attempt('EVALSHA', () => this.evaluate(script, keys, args));
  }

  /**
   * Like {@link run}, but always sends the whole text (`EVAL`), so that a missing permission for `EVAL` shows.
   *
   * @throws PropagatorError as {@link run}
   */
  async runText({ text }: RedisScript, keys: readonly string[]): Promise<unknown> {
    return this.attempt('EVAL', () => this.client.eval(text, keys.length, ...keys));
  }

  private async attempt(command: string, work: () => Promise<unknown>): Promise<unknown> {
    if (this.closed) throw PropagatorError.of('redis.closed', []);
    const { status } = this.client;
    // ioredis would queue a command for a Cluster until it is connected.
    if (status !== 'ready') {
      throw PropagatorError.of('redis.unavailable', [
        `the connection is "${status}"`,
        this.use.consequence,
      ]);
    }
    try {
      return await this.withinTime(command, work());
    } catch (error) {
      throw this.failure(error, command);
    }
  }

  /** Converts the reply of Redis to the result for the app. */
  failure(error: unknown, command = 'EVALSHA'): PropagatorError {
    const { pattern, use } = this;
    const channels = use.publish ? ` and the channels &${pattern}` : '';
    const moved = isClusterClient(this.client) ? undefined : movedWithoutCluster(error);
    const known = moved ?? refusedWrite(error);
    if (known !== undefined) return known;
    return asPropagatorError(
      error,
      command,
      undefined,
      `the keys ~${pattern}${channels}, with all commands that docs/recipes.md lists`,
      this.use.consequence,
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
      // A Redis (or a node of a Cluster) that has not seen the script yet, or was restarted.
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
