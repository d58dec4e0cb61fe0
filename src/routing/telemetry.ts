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

/** Creates the spans of events. Never throws. @internal */
export interface Tracing {
  /** Starts a span. @param name the name of the event */
  send(name: string): SendSpan | undefined;
  /** Calls `deliver`, which returns the number of sockets, in a span of its own, and returns the same number. */
  deliver(context: TraceContext, event: TracedEvent, deliver: () => number): number;
}

/** Counters, load and spans of the events of one instance. @internal */
export class Telemetry {
  readonly traffic = new Traffic();
  readonly load = new LoadService();
  /** Undefined without tracing: envelopes then carry no trace context. */
  tracing: Tracing | undefined;
}
