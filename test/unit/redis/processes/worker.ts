/**
 * A worker whose Redis fails. Like many apps it does not await its promises. It repeats its calls, prints the
 * results, closes, and must then end by itself.
 *
 * Usage: worker.ts <options as JSON> [<pid of Redis> <signal to send to it>]
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  RedisPropagatorModule,
  RedisPropagatorService,
  RedisService,
  type PropagatorLogger,
  type RedisPropagatorOptions,
} from '../../../../src/index.js';

const [options = '{}', pid, signal] = process.argv.slice(2);
const silent: PropagatorLogger = { log: () => {}, warn: () => {}, error: () => {} };

@Module({
  imports: [
    RedisPropagatorModule.forRoot({
      ...(JSON.parse(options) as RedisPropagatorOptions),
      logger: silent,
    }),
  ],
})
class WorkerModule {}

const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
const propagator = app.get(RedisPropagatorService);
const redis = app.get(RedisService);
redis.fromEvent('before').subscribe();
if (signal !== undefined) process.kill(Number(pid), signal);

const everything = (): Promise<unknown>[] => [
  propagator.emitToAll({ event: 'x' }),
  propagator.emitToAuthenticated({ event: 'x' }),
  propagator.emitToUser({ userId: 1, event: 'x' }),
  propagator.emitToUsers({ userIds: [1, 2], event: 'x' }),
  propagator.propagateEvent({ userId: 1, event: 'x' }),
  redis.publish('app', 1),
];
const refused = (): Promise<unknown>[] => [
  propagator.emitToAll({ event: '' }),
  propagator.emitToAll({ event: 'x', data: 1n }),
  redis.publish('app', undefined),
];

void everything();
void refused();
redis.fromEvent('during').subscribe();
const outcomes = await Promise.allSettled([...everything(), ...refused()]);
const states: string[] = [redis.state];
await app.close();
states.push(redis.state);
// These promises are not awaited either.
void everything();

const codes = outcomes.map((outcome) => {
  if (outcome.status === 'rejected') return (outcome.reason as { code?: string }).code;
  const waits = (outcome.value as { queued?: boolean } | undefined)?.queued === true;
  return waits ? 'queued' : 'fulfilled';
});
console.log(JSON.stringify({ codes, states }));
