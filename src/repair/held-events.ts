import type { InstanceId } from '../wire/envelope.js';
import type { Arrival } from '../routing/event-receiver.js';

/** Channels. @internal */
export type Staying = Pick<ReadonlySet<string>, 'has'>;

/**
 * Envelopes that wait for earlier ones of the same origin.
 *
 * @internal
 */
export class HeldEvents {
  private readonly byOrigin = new Map<InstanceId, Arrival[]>();
  private heldBytes = 0;

  get bytes(): number {
    return this.heldBytes;
  }

  hold(origin: InstanceId, arrival: Arrival): void {
    const arrivals = this.byOrigin.get(origin);
    if (arrivals === undefined) this.byOrigin.set(origin, [arrival]);
    else arrivals.push(arrival);
    this.heldBytes += arrival.bytes.length;
  }

  origins(): InstanceId[] {
    return [...this.byOrigin.keys()];
  }

  clear(): void {
    this.byOrigin.clear();
    this.heldBytes = 0;
  }

  /**
   * Those of an origin, in the order in which it sent them; they are held no more.
   *
   * @param staying channels whose events still are
   */
  release(origin: InstanceId, staying?: Staying): Arrival[] {
    const arrivals = this.byOrigin.get(origin) ?? [];
    this.byOrigin.delete(origin);
    const released: Arrival[] = [];
    for (const arrival of arrivals) {
      this.heldBytes -= arrival.bytes.length;
      if (staying?.has(arrival.channel) === true) this.hold(origin, arrival);
      else released.push(arrival);
    }
    return released.sort((a, b) => a.sequence - b.sequence);
  }
}
