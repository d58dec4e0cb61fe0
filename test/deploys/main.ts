import { randomUUID } from 'node:crypto';
import { acquireRedis } from '../../scripts/redis/acquire.mjs';
import { compileAll } from '../support/compiled.mjs';
import { rollingRestart } from './rolling-restart.js';

// Restarts three instances one after the other, with 300 clients and a steady stream of events, and prints when the
// clients were connected again: `npm run test:deploys`. Fails if an event was lost. With `--blind` the balancer
// also sends clients to the instance that shuts down. With `--recovery` clients also get the events of the time in between.

const BIN_MS = 100;
const CLIENTS = 300;

compileAll();
const redis = await acquireRedis();
if (redis.url === null) throw new Error(redis.reason);
try {
  const report = await rollingRestart({
    redis: redis.url,
    prefix: `deploys-${randomUUID()}`,
    instances: 3,
    clients: CLIENTS,
    tickMs: 250,
    readsHealth: !process.argv.includes('--blind'),
    ...(process.argv.includes('--recovery') && { recovery: {} }),
  });
  for (const [index, times] of report.reconnects.entries()) {
    console.log(`restart ${index + 1}: ${times.length} clients came back, ms since SIGTERM`);
    print(times);
  }
  const { delivered, lost, wrong, exits, reconnected, recovered } = report;
  console.log(`${recovered} of ${reconnected} connections recovered`);
  console.log(`${delivered} events delivered, ${lost} lost, ${wrong} twice or out of order`);
  console.log(`instances ended with ${exits.join(', ')}`);
  if (lost > 0 || wrong > 0) process.exitCode = 1;
} finally {
  await redis.stop();
}

function print(times: readonly number[]): void {
  const bins: number[] = [];
  for (const time of times) {
    const bin = Math.floor(time / BIN_MS);
    bins[bin] = (bins[bin] ?? 0) + 1;
  }
  for (const [bin, count = 0] of bins.entries()) {
    console.log(
      `${String(bin * BIN_MS).padStart(6)}  ${String(count).padStart(4)}  ${'#'.repeat(count)}`,
    );
  }
}
