import { Injectable } from '@nestjs/common';
import { PresenceService, RedisService } from 'nestjs-redis-propagator';
import type { ClusterView, InstanceState, InstanceView } from '../../shared/model.js';
import { Config } from '../config.js';
import type { InstanceReport } from './instance-report.js';
import { InstanceReports } from './instance-reports.js';

@Injectable()
export class ClusterViewService {
  private users = 0;

  constructor(
    private readonly config: Config,
    private readonly reports: InstanceReports,
    private readonly redis: RedisService,
    private readonly presence: PresenceService,
  ) {}

  async view(): Promise<ClusterView> {
    const instances = this.reports.all().map((report) => this.instance(report));
    // Without Redis the members are unknown; the page shows the last known ones.
    this.users = await this.presence.count().catch(() => this.users);
    return {
      instances,
      redis: { state: this.redis.state },
      total: {
        sockets: instances.reduce((sum, { sockets }) => sum + sockets, 0),
        users: this.users,
      },
      urls: this.config.instanceUrls,
    };
  }

  private instance(report: InstanceReport): InstanceView {
    const { startedAt, ...shown } = report;
    const me = this.reports.isOwn(report);
    const over = report.state === 'stopped' || report.state === 'lost';
    return {
      ...shown,
      state: over ? report.state : this.stateNow(report, me),
      uptimeMs: over ? 0 : Math.max(0, Date.now() - startedAt),
      me,
    };
  }

  /** Without Redis this instance receives nothing from others, which says nothing about them. */
  private stateNow({ state }: InstanceReport, me: boolean): InstanceState {
    if (this.redis.state === 'ready' || state === 'draining') return state;
    return me ? 'degraded' : 'unknown';
  }
}
