import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { JobQueue } from './job-queue.js';
import { ReportsWorker } from './reports.worker.js';

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      // The same as that of the app, because it is the first part of every channel name.
      prefix: process.env.REDIS_PREFIX,
      // No client connects here, so there is no authentication.
    }),
  ],
  providers: [JobQueue, ReportsWorker],
})
export class WorkerModule {}
