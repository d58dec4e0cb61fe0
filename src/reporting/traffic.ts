/** Whom events are for, as it is told apart in figures. */
export type TrafficTarget = 'all' | 'authenticated' | 'user' | 'room';

/** A number of events, and their bytes. */
export interface TrafficCount {
  events: number;
  bytes: number;
}

/** By target. */
export type TrafficByTarget = Readonly<Record<TrafficTarget, TrafficCount>>;

/** Told how long something took, in seconds. @internal */
export type Timing = (seconds: number, target: TrafficTarget) => void;

const none = (): TrafficCount => ({ events: 0, bytes: 0 });

function noTraffic(): TrafficByTarget {
  return { all: none(), authenticated: none(), user: none(), room: none() };
}

/**
 * What passes through this instance, counted since its start. Plain numbers: each event costs some additions, whether
 * somebody looks at them or not.
 *
 * @internal
 */
export class Traffic {
  /** Handed to the transport, once per target; bytes are those of envelopes. */
  readonly sent = noTraffic();
  /** Taken from the transport; bytes are those of messages. */
  readonly received = noTraffic();
  /** Written to sockets of this instance, once per socket; bytes are those of frames. */
  readonly delivered = noTraffic();
  /** Set while somebody wants to know: from the call of a verb to the answer of Redis. */
  published: Timing | undefined;
  /** Set while somebody wants to know: from the call of a verb elsewhere to the sockets of this instance. */
  lagged: Timing | undefined;
}

/** @internal */
export function count(traffic: TrafficCount, events: number, bytes: number): void {
  traffic.events += events;
  traffic.bytes += bytes;
}
