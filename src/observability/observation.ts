import type * as Otel from '@opentelemetry/api';
import { reasonOf } from '../errors.js';
import type { InstanceView } from './instance-view.js';
import { startMetrics } from './metrics.js';
import { tracingOf } from './traces.js';

/**
 * Connects an instance to OpenTelemetry, if the app has it, which is checked once at the start. An app without an
 * SDK has only the counters.
 *
 * @internal
 */
export class Observation {
  private stopMetrics: (() => void) | undefined;
  private closed = false;

  constructor(private readonly view: InstanceView) {}

  async start(): Promise<void> {
    const api = await openTelemetry();
    if (api === undefined || this.closed) return;
    const { telemetry, reporter, router } = this.view;
    try {
      this.stopMetrics = startMetrics(api, this.view);
      telemetry.tracing = tracingOf(api, router.instanceId);
    } catch (error) {
      // An unexpected kind of SDK must not prevent the start of an app.
      reporter.report('metrics.failed', () => reasonOf(error));
    }
  }

  close(): void {
    this.closed = true;
    this.stopMetrics?.();
    this.stopMetrics = undefined;
    this.view.telemetry.tracing = undefined;
  }
}

async function openTelemetry(): Promise<typeof Otel | undefined> {
  try {
    return await import('@opentelemetry/api');
  } catch {
    // Not installed: it is an optional peer.
    return undefined;
  }
}
