import { LoadService } from '../reporting/load.js';
import { Traffic, type TrafficTarget } from '../reporting/traffic.js';
import type { TraceContext } from '../wire/trace-context.js';

/** What is known of an event that is sent or delivered. @internal */
export interface TracedEvent {
  readonly namespace: string;
  readonly target: TrafficTarget;
  /** How many targets it has. */
  readonly targets: number;
  /** Of the envelope. */
  readonly bytes: number;
}

/** A span of an event that is being sent. @internal */
export interface SendSpan {
  /** What goes along with the event. */
  readonly context: TraceContext;
  /** It was written to so many sockets of this instance, and its envelope has so many bytes. */
  sending(event: TracedEvent, localSockets: number): void;
  /** Ends the span with what becomes of the promise. */
  endWith(outcome: Promise<unknown>): void;
  /** Ends the span: nobody gets the event. */
  failed(error: unknown): void;
}

/** Draws the way of events. Nothing of it throws. @internal */
export interface Tracing {
  /** @param name the name of the event */
  send(name: string): SendSpan | undefined;
  /** Calls `deliver` in a span of its own; what it returns is the number of sockets. */
  deliver(context: TraceContext, event: TracedEvent, deliver: () => number): number;
}

/** What an instance shows of the events that pass through it. @internal */
export class Telemetry {
  readonly traffic = new Traffic();
  readonly load = new LoadService();
  /** Undefined while nobody traces: then envelopes carry nothing of it. */
  tracing: Tracing | undefined;
}
