/** The kind of target of an event in metrics. */
export type TrafficTarget = 'all' | 'authenticated' | 'user' | 'room';

/** A number of events, and their bytes. */
export interface TrafficCount {
  events: number;
  bytes: number;
}

/** By target. */
export type TrafficByTarget = Readonly<Record<TrafficTarget, TrafficCount>>;

/** Receives a duration in seconds. @internal */
export type Timing = (seconds: number, target: TrafficTarget) => void;

const none = (): TrafficCount => ({ events: 0, bytes: 0 });

function noTraffic(): TrafficByTarget {
  return { all: none(), authenticated: none(), user: none(), room: none() };
}

/**
 * Counts the traffic of this instance since its start. Plain numbers: each event costs a few additions, whether
 * they are read or not.
 *
 * @internal
 */
export class Traffic {
  /** Published events, once per target; bytes are those of envelopes. */
  readonly sent = noTraffic();
  /** Received events; bytes are those of messages. */
  readonly received = noTraffic();
  /** Deliveries to sockets of this instance, once per socket; bytes are those of frames. */
  readonly delivered = noTraffic();
  /** Set while it is measured: from the call of a verb to the reply of Redis. */
  published: Timing | undefined;
  /** Set while it is measured: from the call of a verb on another instance to the sockets of this one. */
  lagged: Timing | undefined;
}

/** @internal */
export function count(traffic: TrafficCount, events: number, bytes: number): void {
  traffic.events += events;
  traffic.bytes += bytes;
}
