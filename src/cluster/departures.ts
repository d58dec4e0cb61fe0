import type { InstanceId } from '../wire/envelope.js';

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

  add(instanceId: InstanceId, departure: Departure): void {
    const forgotten = performance.now() - REMEMBERED_MS;
    for (const [other, { livedUntil }] of this.byInstance) {
      if (livedUntil < forgotten) this.byInstance.delete(other);
    }
    this.byInstance.set(instanceId, departure);
  }

  delete(instanceId: InstanceId): void {
    this.byInstance.delete(instanceId);
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
