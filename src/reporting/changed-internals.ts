import type { Reporter } from './reporter.js';

const AT_A_HIGHER_COST =
  'Public paths are used instead: events arrive all the same, at a higher cost. ' +
  'Look for a newer version of nestjs-redis-propagator, or pin the package to an older one.';

/**
 * Reports once that private members of a package are not as this library expects them. Each package has a report of its
 * own, so that the warning about one does not silence that about another.
 *
 * @internal
 */
export class ChangedInternals {
  private reported = false;

  /** @param versions such as `ioredis 6.0.0` */
  constructor(
    private readonly reporter: Reporter,
    private readonly versions: () => string,
    private readonly consequence = AT_A_HIGHER_COST,
  ) {}

  get isReported(): boolean {
    return this.reported;
  }

  report(faults: readonly string[]): void {
    if (faults.length === 0 || this.reported) return;
    this.reported = true;
    // Not `once`: another package may have been reported before.
    this.reporter.count('internals.changed');
    this.reporter.logger.warn(
      `internals.changed: ${this.versions()}: not as expected: ${faults.join(', ')}. ${this.consequence}`,
    );
  }
}
