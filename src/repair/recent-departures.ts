import type { ResolvedOptions } from '../options/resolve-options.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterChange } from '../cluster/members.js';

/** No repair looks back further than this. */
const REMEMBERED_MS = 60_000;

/** Monotonic time (`performance.now()`). */
interface Departure {
  readonly livedUntil: number;
  readonly graceful: boolean;
}

/**
 * Instances that left a moment ago. Their last events may have been missed, and they cannot be asked.
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
   * Returns the instances that were still running at that time, and forgets them.
   *
   * @param nothingLost whether the good-byes came over a connection that had lost nothing before; instances that
   * said them are then left out
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
