import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { answersPing } from '../../scripts/redis/probe.mjs';
import { startOwnRedis, type RunningRedis } from '../support/own-redis.js';

describe('a Redis of a test’s own', () => {
  let redis: RunningRedis;
  const answers = () => answersPing(() => connect(redis.port, redis.host));

  afterEach(() => redis.stop());

  it('replies once it is started', async () => {
    redis = await startOwnRedis();
    expect(await answers()).toBe(true);
  });

  it('can be killed and comes back on the same port', async () => {
    redis = await startOwnRedis(['--requirepass', 'secret']);
    await redis.kill();
    expect(await answers()).toBe(false);
    await redis.restart();
    expect(await answers()).toBe(true);
  });

  it('shows the output of redis-server when it does not start', async () => {
    redis = await startOwnRedis();
    await expect(startOwnRedis(['--no-such-option', 'x'])).rejects.toThrow(
      /redis-server did not start[^]*no-such-option/,
    );
  });
});
