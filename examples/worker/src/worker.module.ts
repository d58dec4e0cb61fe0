import { Module } from '@nestjs/common';
import { RedisPropagatorModule } from 'nestjs-redis-propagator';
import { JobQueue } from './job-queue.js';
import { ReportsWorker } from './reports.worker.js';

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      redis: process.env.REDIS_URL,
      // The same as that of the app: it is the first part of every channel's name.
      prefix: process.env.REDIS_PREFIX,
      // Nobody connects here, so there is nobody to authenticate, and nobody who is online.
      presence: false,
    }),
  ],
  providers: [JobQueue, ReportsWorker],
})
export class WorkerModule {}
