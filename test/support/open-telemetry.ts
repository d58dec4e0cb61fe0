import { context, metrics, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { PrometheusExporter, PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import {
  MeterProvider,
  type HistogramMetricData,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
  type Sampler,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';

/** An OpenTelemetry SDK for metrics, registered before the app starts. */
export class ObservedMetrics {
  private readonly reader = new PrometheusExporter({ preventServerStart: true });
  private readonly provider = new MeterProvider({ readers: [this.reader] });

  constructor() {
    metrics.setGlobalMeterProvider(this.provider);
  }

  /** Removes the SDK. Apps that start later do not find it. */
  forget(): void {
    metrics.disable();
  }

  async all(): Promise<MetricData[]> {
    const { resourceMetrics } = await this.reader.collect();
    return resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics);
  }

  /** The values of a metric by attributes, written as `target=user`, without the attribute of the instance. */
  async values(name: string): Promise<Record<string, number>> {
    const found = (await this.all()).find(({ descriptor }) => descriptor.name === name);
    const values: Record<string, number> = {};
    for (const { attributes, value } of found?.dataPoints ?? []) {
      const { 'propagator.instance.id': _, ...others } = attributes;
      const label = Object.entries(others).map(
        ([key, text]) => `${key.replace('propagator.', '')}=${String(text)}`,
      );
      values[label.join()] = typeof value === 'number' ? value : (value.count ?? 0);
    }
    return values;
  }

  async histogram(name: string): Promise<HistogramMetricData['dataPoints']> {
    const found = (await this.all()).find(({ descriptor }) => descriptor.name === name);
    return (found?.dataPoints ?? []) as HistogramMetricData['dataPoints'];
  }

  /** The metrics in the text format of Prometheus. */
  async prometheus(): Promise<string> {
    const { resourceMetrics } = await this.reader.collect();
    return new PrometheusSerializer().serialize(resourceMetrics);
  }

  async close(): Promise<void> {
    metrics.disable();
    await this.provider.shutdown();
  }
}

/** An OpenTelemetry SDK for traces. */
export class ObservedTraces {
  private readonly exporter = new InMemorySpanExporter();
  private readonly provider: BasicTracerProvider;

  constructor(sampler?: Sampler, ...processors: SpanProcessor[]) {
    this.provider = new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(this.exporter), ...processors],
      ...(sampler && { sampler }),
    });
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    trace.setGlobalTracerProvider(this.provider);
  }

  /** Ended spans with this name. */
  named(name: string): ReadableSpan[] {
    return this.exporter.getFinishedSpans().filter((span) => span.name === name);
  }

  /** Removes the SDK. Apps that start later do not find it. */
  forget(): void {
    trace.disable();
  }

  async close(): Promise<void> {
    trace.disable();
    context.disable();
    await this.provider.shutdown();
  }
}
