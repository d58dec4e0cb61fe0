import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { RedisPropagatorService } from 'nestjs-redis-propagator';
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
  ) {}

  onApplicationBootstrap(): void {
    this.working = this.workUntilStopped();
  }

  /** Events can be sent until long after this hook: the current job is completed, and its user told. */
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
    const { reached } = await this.propagator.emitToUser({
      userId,
      event: 'report-ready',
      data: { report, pages },
    });
    // False: no client got it. The report exists anyway, and an e-mail says so. Null: the event waits for Redis.
    this.logger.log(
      `${report} for ${userId}: ${reached === false ? 'no client got it, an e-mail is due' : 'told'}`,
    );
  }
}
