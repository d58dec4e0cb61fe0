import type { RedisPropagatorOptions } from '../../src/index.js';
import { resolveOptions } from '../../src/options/resolve-options.js';
import { createRedisClients, type RedisClients } from '../../src/redis/client-factory.js';
import { RedisPubSub } from '../../src/redis/redis-pub-sub.js';
import { Reporter } from '../../src/reporting/reporter.js';
import { MemoryLogger } from './memory-logger.js';
import { PATIENCE_MS } from './until.js';

export interface TestPubSub {
  readonly pubSub: RedisPubSub;
  readonly clients: RedisClients;
  readonly reporter: Reporter;
  readonly logger: MemoryLogger;
}

/** Timeouts long enough for a pause of the machine. Tests of these timeouts set their own values. */
const PATIENT = {
  connectTimeoutMs: PATIENCE_MS,
  subscribeTimeoutMs: PATIENCE_MS,
  publishTimeoutMs: PATIENCE_MS,
} satisfies RedisPropagatorOptions;

/** The transport of an app with these options, without the app, not yet connected. */
export function redisPubSub(given: RedisPropagatorOptions): TestPubSub {
  const logger = new MemoryLogger();
  const options = resolveOptions({ ...PATIENT, ...given }, logger);
  const reporter = new Reporter(options.logger);
  const clients = createRedisClients(options, reporter);
  return { pubSub: new RedisPubSub(clients, options, reporter), clients, reporter, logger };
}
