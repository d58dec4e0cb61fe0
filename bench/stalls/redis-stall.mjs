// Measures how long the event loop of an instance is blocked, and how much memory it takes, while Redis is frozen for
// 10 s at 10,000 publishes per second: `npm run bench:stalls`.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { setTimeout as sleep } from 'node:timers/promises';
import { RedisPropagatorModule, RedisPropagatorService } from '../../dist/index.js';
import { startRedis } from '../../scripts/redis/server.mjs';
import { watchEventLoop } from './longest-stall.mjs';

const PER_SECOND = 10_000;
const TICK_MS = 10;
const FROZEN_MS = 10_000;
const AFTER_MS = 10_000;
const MIB = 1024 * 1024;

for (const users of [1, 10_000]) await measure(users);

/** @param {number} users each has a channel of its own */
async function measure(users) {
  const redis = await startRedis();
  class BenchModule {}
  Module({ imports: [RedisPropagatorModule.forRoot({ redis: redis.url })] })(BenchModule);
  const app = await NestFactory.createApplicationContext(BenchModule, { logger: false });
  const propagator = app.get(RedisPropagatorService);
  const outcomes = new Map();
  const count = (/** @type {string} */ outcome) =>
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);

  const data = { text: 'x'.repeat(100) };
  let emitted = 0;
  const start = performance.now();
  const emitting = setInterval(() => {
    // Events that a stall delayed are not emitted all at once afterwards: that would be another stall.
    for (let i = 0; i < (PER_SECOND * TICK_MS) / 1_000; i++) {
      const emit = propagator.emitToUser({
        userId: `user-${emitted++ % users}`,
        event: 'bench',
        data,
      });
      emit.then(
        ({ queued }) => count(queued ? 'queued' : 'published'),
        ({ code }) => count(code),
      );
    }
  }, TICK_MS);
  await sleep(2_000);

  const loop = watchEventLoop();
  const before = process.memoryUsage.rss() / MIB;
  let most = 0;
  process.kill(redis.pid ?? 0, 'SIGSTOP');
  const end = performance.now() + FROZEN_MS + AFTER_MS;
  let thawed = false;
  for (let second = 1; performance.now() < end; second++) {
    await sleep(1_000);
    if (!thawed && performance.now() > end - AFTER_MS) {
      process.kill(redis.pid ?? 0, 'SIGCONT');
      thawed = true;
    }
    const rss = process.memoryUsage.rss() / MIB;
    most = Math.max(most, rss);
    console.log(
      `${users} users, ${thawed ? 'Redis back' : 'frozen'}, ${((performance.now() - start) / 1_000).toFixed(0)} s: ` +
        `longest stall ${loop.longest().toFixed(0)} ms, RSS ${rss.toFixed(0)} MiB`,
    );
  }
  clearInterval(emitting);
  loop.stop();
  await app.close();
  await redis.stop();
  console.log(
    `${users} users, ${emitted} events: RSS ${before.toFixed(0)} MiB before, ${most.toFixed(0)} MiB at most; ` +
      JSON.stringify(Object.fromEntries(outcomes)),
  );
}
