import { lenientNow } from '../reporting/lenient-now.js';
import type { InstanceId } from '../wire/envelope.js';
import type { Arrival } from '../routing/event-receiver.js';

/** An arrival, and its number on a lane of its origin; 0: unknown. @internal */
export interface NumberedArrival extends Arrival {
  readonly lane: number;
  readonly number: number;
}

/**
 * Live events that wait for earlier ones of their origin. Bounded: beyond the bound the events of an origin are not kept,
 * and {@link hasDropped} says so. Their publisher still has them.
 *
 * @internal
 */
export class HoldBackQueue {
  private readonly byOrigin = new Map<InstanceId, NumberedArrival[]>();
  private readonly dropped = new Set<InstanceId>();
  private heldBytes = 0;

  constructor(private readonly maxBytes: number) {}

  get bytes(): number {
    return this.heldBytes;
  }

  hold(origin: InstanceId, arrival: NumberedArrival): void {
    // Events behind a dropped one are asked for with it.
    if (this.dropped.has(origin)) return;
    if (this.heldBytes + arrival.bytes.length > this.maxBytes) {
      this.take(origin);
      this.dropped.add(origin);
      return;
    }
    const arrivals = this.byOrigin.get(origin);
    const held = { ...arrival, heldSince: lenientNow() };
    if (arrivals === undefined) this.byOrigin.set(origin, [held]);
    else arrivals.push(held);
    this.heldBytes += arrival.bytes.length;
  }

  /** Whether events of an origin are held. */
  has(origin: InstanceId): boolean {
    return (this.byOrigin.get(origin)?.length ?? 0) > 0;
  }

  /** Whether events of an origin were dropped since the last call. From now on they are held again. */
  hasDropped(origin: InstanceId): boolean {
    return this.dropped.delete(origin);
  }

  /** The held events of an origin, in the order of their arrival; they are no longer held. */
  take(origin: InstanceId): NumberedArrival[] {
    const arrivals = this.byOrigin.get(origin) ?? [];
    this.byOrigin.delete(origin);
    for (const { bytes } of arrivals) this.heldBytes -= bytes.length;
    return arrivals;
  }

  /** The first held events of an origin, as far as their numbers are not beyond one; they are no longer held. */
  takeUpTo(origin: InstanceId, sequence: number): NumberedArrival[] {
    const all = this.byOrigin.get(origin) ?? [];
    const beyond = all.findIndex((arrival) => arrival.sequence > sequence);
    const taken = all.splice(0, beyond < 0 ? all.length : beyond);
    for (const { bytes } of taken) this.heldBytes -= bytes.length;
    return taken;
  }

  clear(): void {
    this.byOrigin.clear();
    this.dropped.clear();
    this.heldBytes = 0;
  }
}
