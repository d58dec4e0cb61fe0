import type { ResolvedOptions } from '../options/resolve-options.js';
import type { InstanceId } from '../wire/envelope.js';
import type { ClusterChange } from '../cluster/cluster.service.js';

/** Nobody looks further back. */
const REMEMBERED_MS = 60_000;

/** By the clock that nobody sets. */
interface Departure {
  readonly livedUntil: number;
  readonly saidSo: boolean;
}

/**
 * Instances that are gone since a moment ago: what they sent last may have been missed, and they cannot be asked.
 *
 * @internal
 */
export class Departures {
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
    const saidSo = type === 'left';
    const livedUntil = saidSo ? now : now - memberTimeoutMs + heartbeatIntervalMs;
    this.byInstance.set(instanceId, { livedUntil, saidSo });
  }

  /**
   * Those that lived since then. They are forgotten.
   *
   * @param heardOut whether the good-byes came over a connection that lost nothing before: then who said so is none of them
   */
  takeSince(since: number, heardOut: boolean): InstanceId[] {
    const taken: InstanceId[] = [];
    for (const [instanceId, { livedUntil, saidSo }] of this.byInstance) {
      if (livedUntil < since || (saidSo && heardOut)) continue;
      this.byInstance.delete(instanceId);
      taken.push(instanceId);
    }
    return taken;
  }
}
