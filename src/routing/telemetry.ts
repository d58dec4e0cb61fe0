import { LoadService } from '../reporting/load.js';
import { Traffic, type TrafficTarget } from '../reporting/traffic.js';
import type { TraceContext } from '../wire/trace-context.js';

/** An event that is sent or delivered, for a span. @internal */
export interface TracedEvent {
  readonly namespace: string;
  readonly target: TrafficTarget;
  /** The number of targets. */
  readonly targets: number;
  /** The size of the envelope. */
  readonly bytes: number;
}

/** The span of an event that is being sent. @internal */
export interface SendSpan {
  /** The trace context in the envelope. */
  readonly context: TraceContext;
  /** Called when the event is encoded, and delivered on this instance. */
  sending(event: TracedEvent, localSockets: number): void;
  /** Ends the span when the promise settles. */
  endWith(outcome: Promise<unknown>): void;
  /** Ends the span of an event that is not sent. */
  failed(error: unknown): void;
}

/** The result for a client that came back. @internal */
export interface RecoveryOutcome {
  /** `recovered`, or the reason for a new connection. */
  readonly result: string;
  readonly namespace: string;
  /** The events that it had missed, and got. */
  readonly events: number;
  /** Whether another instance had its session. */
  readonly moved: boolean;
  /** The time since it came back. */
  readonly ms: number;
}

/** Creates the spans of events. Never throws. @internal */
export interface Tracing {
  /** Starts a span. @param name the name of the event */
  send(name: string): SendSpan | undefined;
  /** Calls `deliver`, which returns the number of sockets, in a span of its own, and returns the same number. */
  deliver(context: TraceContext, event: TracedEvent, deliver: () => number): number;
  /** Adds the span of a client that came back, which ends now. */
  cameBack(outcome: RecoveryOutcome): void;
}

/** Counters, load and spans of the events of one instance. @internal */
export class Telemetry {
  readonly traffic = new Traffic();
  readonly load = new LoadService();
  /** Undefined without tracing: envelopes then carry no trace context. */
  tracing: Tracing | undefined;
  /** Set while it is measured: the time that clients that come back wait, in seconds, by the result. */
  cameBack: ((seconds: number, result: string) => void) | undefined;
}
