import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { PresenceService, RedisPropagatorService } from 'nestjs-redis-propagator';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobQueue, type ReportJob } from './job-queue.js';

/** Makes reports, one after the other, and tells their users on any instance of the app. */
@Injectable()
export class ReportsWorker implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(ReportsWorker.name);
  private stopping = false;
  private working: Promise<void> | undefined;

  constructor(
    private readonly jobs: JobQueue,
    private readonly propagator: RedisPropagatorService,
    private readonly presence: PresenceService,
  ) {}

  onApplicationBootstrap(): void {
    this.working = this.workUntilStopped();
  }

  /** Events can be sent until long after this hook: the current job is completed, and its user gets the event. */
  async onModuleDestroy(): Promise<void> {
    this.stopping = true;
    await this.working;
  }

  private async workUntilStopped(): Promise<void> {
    while (!this.stopping) {
      try {
        await this.jobs.workOnNext((job) => this.make(job));
      } catch (error) {
        this.logger.error('A job failed', error);
        await sleep(100); // so that a permanent failure does not keep a core busy
      }
    }
  }

  private async make({ userId, report }: ReportJob): Promise<void> {
    const pages = report.length; // the real work would be here
    await this.propagator.emitToUser({
      userId,
      event: 'report-ready',
      data: { report, pages },
    });
    // The receipt knows one namespace only. Presence knows whether the user is online anywhere.
    const online = await this.presence.isOnline(userId);
    this.logger.log(`${report} for ${userId}: ${online ? 'sent' : 'offline, an e-mail is due'}`);
  }
}
