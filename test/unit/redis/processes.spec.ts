import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { compiled } from '../../support/compiled.mjs';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import { quietPort } from '../../../scripts/redis/topologies/ports.mjs';

const run = promisify(execFile);

/**
 * Resolves once the process has ended by itself: an open handle would keep it alive, an unhandled rejection would
 * make it fail.
 */
async function worker(
  options: RedisPropagatorOptions,
  ...signal: [] | [pid: number | undefined, signal: NodeJS.Signals]
): Promise<{ codes: string[]; states: string[] }> {
  const script = compiled('test/unit/redis/processes/worker.ts');
  const { stdout, stderr } = await run(
    process.execPath,
    [script, JSON.stringify(options), ...signal.map(String)],
    { timeout: 50_000 },
  );
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { codes: string[]; states: string[] };
}

const refusals = ['event.invalid-name', 'event.unserialisable', 'message.unserialisable'];
const sixTimes = (code: string) => Array.from({ length: 6 }, () => code);
/** Five events, and a message of the app's own, which does not wait in the outbox. */
const expiredAnd = (code: string) => [...sixTimes('outbox.expired').slice(1), code];
const IMPATIENT = { outbox: { maxAgeMs: 300 } };

// An unhandled rejection or an uncaught error would end the process, and open clients would keep it alive.
describe('a process that awaits no promise survives, and ends by itself once it is closed,', () => {
  let redis: RunningRedis | undefined;
  afterEach(async () => {
    await redis?.stop();
    redis = undefined;
  });

  it('while Redis works', async () => {
    redis = await startOwnRedis();
    expect(await worker({ redis: redis.url })).toEqual({
      codes: [...sixTimes('fulfilled'), ...refusals],
      states: ['ready', 'closed'],
    });
  });

  it('if Redis was never there', async () => {
    const port = await quietPort();
    expect(
      await worker({ ...IMPATIENT, redis: { port, host: '127.0.0.1' }, subscribeTimeoutMs: 100 }),
    ).toEqual({
      codes: [...expiredAnd('redis.unavailable'), ...refusals],
      states: ['degraded', 'closed'],
    });
  });

  it('when Redis is killed', async () => {
    redis = await startOwnRedis();
    const { codes, states } = await worker(
      { ...IMPATIENT, redis: redis.url },
      redis.pid,
      'SIGKILL',
    );
    expect(codes).toEqual([...expiredAnd('redis.unavailable'), ...refusals]);
    expect(states.at(-1)).toBe('closed');
  });

  it('when Redis stops answering', async () => {
    redis = await startOwnRedis();
    const { codes, states } = await worker(
      { ...IMPATIENT, redis: redis.url, publishTimeoutMs: 100, subscribeTimeoutMs: 100 },
      redis.pid,
      'SIGSTOP',
    );
    // After `publishTimeoutMs` the events still wait. `propagateEvent` returns no receipt that could say so.
    const waiting = [...sixTimes('queued').slice(2), 'fulfilled'];
    expect(codes).toEqual([...waiting, 'redis.timeout', ...refusals]);
    expect(states.at(-1)).toBe('closed');
  });

  it('when Redis refuses all commands except those of the start', async () => {
    const channels = 'resetchannels &propagator:reply:* &propagator:cluster';
    const commands = '+publish +subscribe +unsubscribe +info +hello +client';
    redis = await startOwnRedis([], { config: `user nobody on >pw ${channels} ${commands}` });
    const { codes } = await worker({
      redis: { port: redis.port, host: redis.host, username: 'nobody', password: 'pw' },
      presence: false,
    });
    expect(codes).toEqual([...sixTimes('redis.permission'), ...refusals]);
  });
});
