import { PropagatorError, reasonOf } from '../errors.js';

const PERMISSION = /^(?:ReplyError: )?NOPERM/;
/** What ioredis says when the command did not get to Redis, or its answer did not come back. */
const UNREACHABLE =
  /Connection is closed|Stream isn't writeable|max retries per request|ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|Cluster isn't ready|Failed to refresh slots|ClusterAllFailedError|None of startup nodes|Too many Cluster redirections|Cluster is ended|connection close|^(?:LOADING|CLUSTERDOWN|MASTERDOWN|MOVED|READONLY|NOAUTH|WRONGPASS)/;

/** Whatever ioredis rejected with, as an error with a code and a remedy. */
export function asPropagatorError(
  thrown: unknown,
  command: string,
  channel: string,
): PropagatorError {
  if (thrown instanceof PropagatorError) return thrown;
  const reason = reasonOf(thrown);
  if (PERMISSION.test(reason)) {
    return PropagatorError.of(
      'redis.permission',
      [command, `access to the channel (such as &${channel})`, reason],
      thrown,
    );
  }
  if (UNREACHABLE.test(reason) || isRetriesError(thrown)) {
    return PropagatorError.of('redis.unavailable', [reason], thrown);
  }
  return PropagatorError.of('redis.command-failed', [command, reason], thrown);
}

function isRetriesError(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'MaxRetriesPerRequestError';
}
