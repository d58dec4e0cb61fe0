import type * as Otel from '@opentelemetry/api';
import type { RecoveryOutcome, SendSpan, TracedEvent, Tracing } from '../routing/telemetry.js';
import { PropagatorError, reasonOf } from '../errors.js';
import type { InstanceId } from '../wire/envelope.js';
import type { TraceContext } from '../wire/trace-context.js';
import { SCOPE } from './scope.js';
import { VERSION } from './version.js';

const SYSTEM = 'propagator';

/**
 * The spans of OpenTelemetry. Undefined if no SDK is registered, so that envelopes carry no trace context.
 *
 * @internal
 */
export function tracingOf(api: typeof Otel, instanceId: InstanceId): Tracing | undefined {
  const tracer = registeredTracer(api);
  return tracer && new OtelTracing(api, tracer, instanceId);
}

function registeredTracer({ trace, ProxyTracerProvider }: typeof Otel): Otel.Tracer | undefined {
  const provider = trace.getTracerProvider();
  // The registration of the API itself. An app may have a second copy of the API.
  if (provider instanceof ProxyTracerProvider || 'getDelegateTracer' in provider) {
    return (provider as Otel.ProxyTracerProvider).getDelegateTracer(SCOPE, VERSION);
  }
  return provider.getTracer(SCOPE, VERSION);
}

class OtelTracing implements Tracing {
  constructor(
    private readonly api: typeof Otel,
    private readonly tracer: Otel.Tracer,
    private readonly instanceId: InstanceId,
  ) {}

  send(name: string): SendSpan | undefined {
    const { SpanKind, isSpanContextValid } = this.api;
    const span = quietly(() =>
      this.tracer.startSpan('propagator send', {
        kind: SpanKind.PRODUCER,
        attributes: { ...this.attributes('send'), 'propagator.event.name': name },
      }),
    );
    if (span === undefined || !isSpanContextValid(span.spanContext())) return undefined;
    return new OtelSendSpan(this.api, span);
  }

  deliver(context: TraceContext, event: TracedEvent, deliver: () => number): number {
    const span = quietly(() => this.deliverSpan(context, event));
    if (span === undefined) return deliver();
    try {
      const sockets = deliver();
      quietly(() => span.setAttribute('propagator.sockets', sockets));
      return sockets;
    } catch (error) {
      quietly(() => markFailed(this.api, span, error));
      throw error;
    } finally {
      quietly(() => span.end());
    }
  }

  cameBack({ result, namespace, events, moved, ms }: RecoveryOutcome): void {
    quietly(() => {
      const endTime = Date.now();
      const attributes = {
        'messaging.client.id': this.instanceId,
        'messaging.destination.name': namespace,
        'propagator.result': result,
        'propagator.recovery.events': events,
        'propagator.recovery.moved': moved,
      };
      const startTime = endTime - ms;
      this.tracer.startSpan('propagator recover', { startTime, attributes }).end(endTime);
    });
  }

  private deliverSpan(context: TraceContext, event: TracedEvent): Otel.Span {
    const { SpanKind, ROOT_CONTEXT, trace, createTraceState } = this.api;
    const { traceId, spanId, flags, state } = context;
    const parent = trace.setSpanContext(ROOT_CONTEXT, {
      traceId,
      spanId,
      traceFlags: flags,
      isRemote: true,
      ...(state !== '' && { traceState: createTraceState(state) }),
    });
    const attributes = { ...this.attributes('process'), ...attributesOf(event) };
    return this.tracer.startSpan(
      'propagator deliver',
      { kind: SpanKind.CONSUMER, attributes },
      parent,
    );
  }

  private attributes(operation: 'send' | 'process'): Otel.Attributes {
    return {
      'messaging.system': SYSTEM,
      'messaging.operation.type': operation,
      'messaging.operation.name': operation === 'send' ? 'send' : 'deliver',
      'messaging.client.id': this.instanceId,
    };
  }
}

class OtelSendSpan implements SendSpan {
  readonly context: TraceContext;

  constructor(
    private readonly api: typeof Otel,
    private readonly span: Otel.Span,
  ) {
    const { traceId, spanId, traceFlags, traceState } = span.spanContext();
    this.context = { traceId, spanId, flags: traceFlags, state: traceState?.serialize() ?? '' };
  }

  sending(event: TracedEvent, localSockets: number): void {
    quietly(() => {
      if (!this.span.isRecording()) return;
      this.span.setAttributes({ ...attributesOf(event), 'propagator.sockets': localSockets });
    });
  }

  endWith(outcome: Promise<unknown>): void {
    outcome.then(
      () => quietly(() => this.span.end()),
      (error: unknown) => this.failed(error),
    );
  }

  failed(error: unknown): void {
    quietly(() => {
      markFailed(this.api, this.span, error);
      this.span.end();
    });
  }
}

function markFailed({ SpanStatusCode }: typeof Otel, span: Otel.Span, error: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: reasonOf(error) });
  span.setAttribute('error.type', error instanceof PropagatorError ? error.code : '_OTHER');
}

/** An app's span processor that throws must not prevent the delivery of an event. */
function quietly<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Without user ids and room names, which do not belong in a trace. */
function attributesOf({ namespace, target, targets, bytes }: TracedEvent): Otel.Attributes {
  return {
    'messaging.destination.name': `${namespace}:${target}`,
    'messaging.message.envelope.size': bytes,
    ...(targets > 1 && { 'propagator.targets': targets }),
  };
}
