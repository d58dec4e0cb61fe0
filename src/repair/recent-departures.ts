import type { ResolvedOptions } from '../options/resolve-options.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterChange } from '../cluster/cluster.service.js';

/** Nobody looks further back. */
const REMEMBERED_MS = 60_000;

/** Monotonic time (`performance.now()`). */
interface Departure {
  readonly livedUntil: number;
  readonly graceful: boolean;
}

/**
 * Instances that are gone since a moment ago: what they sent last may have been missed, and they cannot be asked.
 *
 * @internal
 */
export class RecentDepartures {
  private readonly byInstance = new Map<InstanceId, Departure>();

  constructor(
    private readonly options: Pick<ResolvedOptions, 'heartbeatIntervalMs' | 'memberTimeoutMs'>,
  ) {}

  changed({ type, member: { instanceId } }: ClusterChange): void {
    const now = performance.now();
    for (const [other, { livedUntil }] of this.byInstance) {
      if (livedUntil < now - REMEMBERED_MS) this.byInstance.delete(other);
    }
    if (type === 'joined') {
      this.byInstance.delete(instanceId);
      return;
    }
    const { heartbeatIntervalMs, memberTimeoutMs } = this.options;
    const graceful = type === 'left';
    const livedUntil = graceful ? now : now - memberTimeoutMs + heartbeatIntervalMs;
    this.byInstance.set(instanceId, { livedUntil, graceful });
  }

  /**
   * Those that lived since then. They are forgotten.
   *
   * @param nothingLost whether the good-byes came over a connection that lost nothing before: then who said so is none of them
   */
  takeSince(since: number, nothingLost: boolean): InstanceId[] {
    const taken: InstanceId[] = [];
    for (const [instanceId, { livedUntil, graceful }] of this.byInstance) {
      if (livedUntil < since || (graceful && nothingLost)) continue;
      this.byInstance.delete(instanceId);
      taken.push(instanceId);
    }
    return taken;
  }
}
