import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { ChangedInternals } from '../reporting/changed-internals.js';
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
  private readonly changed: ChangedInternals;

  constructor(reporter: Reporter) {
    this.changed = new ChangedInternals(reporter, version);
  }

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
    this.changed.report(faults);
  }

  /** Checks a connection to one server once it is open. */
  connection(client: RedisClient): void {
    if (this.changed.isReported || isClusterClient(client)) return;
    this.changed.report(clientFaults(client));
  }
}

/** Borrowed clients may come from another copy of ioredis, which nobody can find. */
function version(): string {
  return `ioredis ${manifestOf('ioredis')?.version ?? 'of an unknown version'}`;
}
