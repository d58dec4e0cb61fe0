import { Injectable } from '@nestjs/common';
import {
  ClusterService,
  DiagnosticsService,
  PropagatorHealthIndicator,
  type Diagnostics,
} from 'nestjs-redis-propagator';
import type { InstanceState } from '../../shared/model.js';
import { Config } from '../config.js';
import type { InstanceReport } from './instance-report.js';

/** Collects the report of this instance. */
@Injectable()
export class SelfReport {
  private delivered = 0;
  private takenAt = Date.now();

  constructor(
    private readonly config: Config,
    private readonly cluster: ClusterService,
    private readonly diagnostics: DiagnosticsService,
    private readonly health: PropagatorHealthIndicator,
  ) {}

  /** Must be called once a second: events are counted since the last call. */
  take(): InstanceReport {
    const { instanceId, pid, startedAt } = this.cluster.self;
    const { sockets, traffic, takenAt } = this.diagnostics.diagnostics();
    return {
      id: instanceId,
      name: this.config.instance,
      pid,
      url: this.config.publicUrl,
      state: this.state(),
      sockets: sockets.connected,
      eventsPerSecond: this.rate(traffic, takenAt),
      startedAt,
    };
  }

  private state(): InstanceState {
    const { draining, state } = this.health.checkReady().propagator;
    if (draining) return 'draining';
    if (state === 'connecting') return 'starting';
    return state === 'ready' ? 'ready' : 'degraded';
  }

  private rate({ delivered }: Diagnostics['traffic'], takenAt: number): number {
    const total = Object.values(delivered).reduce((sum, { events }) => sum + events, 0);
    const rate = ((total - this.delivered) * 1000) / Math.max(1, takenAt - this.takenAt);
    this.delivered = total;
    this.takenAt = takenAt;
    return Math.round(rate);
  }
}
