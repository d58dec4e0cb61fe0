import { PropagatorError, reasonOf } from '../errors.js';
import { isError } from '../kinds.js';
import { refusedDatabase } from './database.js';
import { lastNodeErrorOf } from './ioredis-internals.js';

/** The command itself, or one within a script (older and newer Redis have different words for the refusal). */
const PERMISSION =
  /^(?:ReplyError: )?NOPERM|ACL failure in script|The user executing the script can't/;
/** The messages of ioredis when the command did not reach Redis, or its reply did not come back. */
const UNREACHABLE =
  /Connection is closed|Stream isn't writeable|max retries per request|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|Cluster isn't ready|Failed to refresh slots|ClusterAllFailedError|None of startup nodes|Too many Cluster redirections|Cluster is ended|connection close|Command timed out|Socket timeout|Unknown RESP type|Protocol error, got|^(?:LOADING|BUSY|TRYAGAIN|CLUSTERDOWN|MASTERDOWN|MOVED|READONLY|NOAUTH|WRONGPASS)|max number of clients/;

/** The command that Redis names in its refusal, such as `cluster|slots`, for a command that ioredis sent by itself. */
const NAMED_COMMAND = /'([\w|]+)' command/;
const SENTINELS = /^All sentinels are unreachable.*? Last error: (.*)$/s;
const LOGIN = /WRONGPASS|NOAUTH|invalid password|HELLO must be called/;
/** The converted errors: a connection that ends rejects thousands of commands with one error, which is converted once. */
const unreachable = new WeakMap<object, PropagatorError>();

/**
 * Converts any rejection of ioredis to an error with a code and a remedy.
 *
 * @param channel the channel of the command; `resource` describes it in other words
 * @param consequence the effect of an unreachable Redis; default: other instances did not get the event
 */
export function asPropagatorError(
  thrown: unknown,
  command: string,
  channel?: string,
  resource = channel === undefined ? undefined : `access to the channel (such as &${channel})`,
  consequence?: string,
): PropagatorError {
  if (thrown instanceof PropagatorError) return thrown;
  const isShared = isError(thrown) && consequence === undefined;
  const known = isShared ? unreachable.get(thrown) : undefined;
  if (known !== undefined) return known;
  const reason = reasonOf(thrown);
  if (PERMISSION.test(reason)) {
    const [, named = command] = NAMED_COMMAND.exec(reason) ?? [];
    const missing = [`+${named.toLowerCase()}`, ...(resource === undefined ? [] : [resource])];
    const remedy = `Grant the ACL user what is missing: ${missing.join(' and ')}.`;
    return PropagatorError.of('redis.permission', [named.toUpperCase(), reason, remedy], thrown);
  }
  if (UNREACHABLE.test(reason) || isRetriesError(thrown)) {
    const error = PropagatorError.of('redis.unavailable', [reason, consequence], thrown);
    if (isShared) unreachable.set(thrown, error);
    return error;
  }
  return (
    wrongServer(thrown) ?? PropagatorError.of('redis.command-failed', [command, reason], thrown)
  );
}

/**
 * The reason of a failed connection. On a Cluster it is the error of the last node. For Sentinels ioredis adds that it retries, which may be wrong during a start.
 */
export function rootOf(error: unknown): unknown {
  const lastNodeError = lastNodeErrorOf(error);
  if (lastNodeError !== undefined) return lastNodeError;
  const { message } = (error ?? {}) as { message?: unknown };
  const [, last] = (typeof message === 'string' && SENTINELS.exec(message)) || [];
  return last === undefined ? error : new Error(`No Sentinel answers: ${last}`, { cause: error });
}

/** The error of an app that Redis refuses, or whose database it refuses; undefined for a temporary one. */
export function refusedLogin(error: unknown): PropagatorError | undefined {
  const reason = reasonOf(error);
  if (PERMISSION.test(reason)) return asPropagatorError(error, 'the connection');
  if (!LOGIN.test(reason)) return refusedDatabase(error);
  const remedy = 'Check the user name and the password in the option "redis".';
  return PropagatorError.of('redis.permission', ['AUTH', reason, remedy], error);
}

/** Errors of a server of another kind than configured, with the kind and the remedy. They are permanent. */
const OTHER_SERVERS: readonly (readonly [reply: RegExp, kind: string, remedy: string])[] = [
  [
    /cluster support disabled/,
    'no Cluster',
    'Write a URL, or { host, port }, in place of { nodes }.',
  ],
  [
    /unknown command.{0,3}sentinel/i,
    'no Sentinel',
    'Write the addresses of the Sentinels (port 26379 unless they have another), or the host and the port of Redis without "sentinels" and "name".',
  ],
  [
    /accepted by Sentinel instances/,
    'a Sentinel',
    'Write { sentinels: [{ host, port }], name } in place of a URL, or of { host, port }.',
  ],
  [
    /unknown command.{0,3}info/i,
    'a Redis without INFO',
    'Write enableReadyCheck: false in the option "redis".',
  ],
];

/** The error of an app that is connected to a server of another kind than the option `redis` says. @internal */
export function wrongServer(error: unknown): PropagatorError | undefined {
  const reason = reasonOf(error);
  for (const [reply, kind, remedy] of OTHER_SERVERS) {
    if (reply.test(reason)) {
      return PropagatorError.of('redis.wrong-server', [kind, reason, remedy], error);
    }
  }
  return undefined;
}

/** The errors of Redis while it accepts no writes, with the remedy. It still accepts publishes. */
const NO_WRITES: readonly (readonly [reply: RegExp, remedy: string])[] = [
  [/READONLY/, 'Let the option "redis" name the primary: a replica takes none.'],
  [/\bOOM\b/, 'Raise maxmemory of Redis, or give this library a Redis of its own.'],
  [/MISCONF/, 'Let Redis save to its disk, or switch stop-writes-on-bgsave-error off.'],
  [/NOREPLICAS/, 'Bring its replicas back, or lower min-replicas-to-write.'],
];

/** The error of a script that Redis did not run because it currently accepts no writes. @internal */
export function refusedWrite(error: unknown): PropagatorError | undefined {
  const reason = reasonOf(error);
  const [, remedy] = NO_WRITES.find(([reply]) => reply.test(reason)) ?? [];
  if (remedy === undefined) return undefined;
  return PropagatorError.of('redis.no-writes', [reason, remedy], error);
}

/**
 * The error of an app that starts on a replica; after a failover a client may be connected to one for a while.
 * @internal
 */
export function startedAtReplica(error: unknown): PropagatorError | undefined {
  const reason = reasonOf(error instanceof PropagatorError ? error.cause : error);
  if (!/READONLY/.test(reason)) return undefined;
  const remedy =
    'Write the address of the primary: subscribers of other servers do not get messages published at a replica, and a replica takes no writes.';
  return PropagatorError.of('redis.wrong-server', ['a replica', reason, remedy], error);
}

/** The error of a command that a Cluster node redirects, if the client is not a Cluster client. @internal */
export function movedWithoutCluster(error: unknown): PropagatorError | undefined {
  const reason = reasonOf(error);
  if (!/^(?:ReplyError: )?MOVED /.test(reason)) return undefined;
  const remedy =
    'Write { nodes: [{ host, port }] } in place of a URL or of { host, port }, or pass clients made with new Cluster().';
  return PropagatorError.of('redis.wrong-server', ['a node of a Cluster', reason, remedy], error);
}

function isRetriesError(thrown: unknown): boolean {
  return isError(thrown) && thrown.name === 'MaxRetriesPerRequestError';
}
