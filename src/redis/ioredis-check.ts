import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { manifestOf } from '../reporting/package-manifest.js';
import type { Reporter } from '../reporting/reporter.js';
import { clientFaults, clusterFaults, isClusterClient } from './ioredis-internals.js';

/**
 * Checks whether the undocumented members of ioredis are as this library knows them. If one is not, the public path
 * is used, and one warning names the version.
 *
 * @internal
 */
export class IoredisCheck {
  private isReported = false;

  constructor(private readonly reporter: Reporter) {}

  /**
   * Checks a client before it connects.
   *
   * @throws PropagatorError `redis.unsupported-client`
   */
  client(client: RedisClient): void {
    if (!isClusterClient(client)) return;
    const { faults, unusable } = clusterFaults(client);
    if (unusable) {
      throw PropagatorError.of('redis.unsupported-client', [version(), faults.join(', ')]);
    }
    this.report(faults);
  }

  /** Checks a connection to one server once it is open. */
  connection(client: RedisClient): void {
    if (!this.isReported && !isClusterClient(client)) this.report(clientFaults(client));
  }

  private report(faults: readonly string[]): void {
    if (faults.length === 0 || this.isReported) return;
    this.isReported = true;
    // Not `once`: Socket.IO may have reported the same kind before.
    this.reporter.count('internals.changed');
    this.reporter.logger.warn(
      `internals.changed: ${version()}: not as expected: ${faults.join(', ')}. ` +
        'Public paths are used instead: events arrive all the same, at a higher cost. ' +
        'Look for a newer version of nestjs-redis-propagator, or pin the package to an older one.',
    );
  }
}

/** Borrowed clients may come from another copy of ioredis, which nobody can find. */
function version(): string {
  return `ioredis ${manifestOf('ioredis')?.version ?? 'of an unknown version'}`;
}
