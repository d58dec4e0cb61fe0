import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { rollingRestart } from '../deploys/rolling-restart.js';
import { testRedisUrl } from '../support/test-cluster.js';

describe('a rolling restart with recovery', () => {
  it('of three instances under load: all clients are recovered, and miss nothing', async () => {
    const report = await rollingRestart({
      redis: testRedisUrl(),
      prefix: `test-${randomUUID()}`,
      instances: 3,
      clients: 18,
      tickMs: 25,
      shutdown: { drainMs: 500, clientsPerSecond: 50 },
      recovery: {},
    });

    expect(report).toMatchObject({ lost: 0, wrong: 0, recovered: report.reconnected });
    expect(report.reconnected).toBeGreaterThanOrEqual(18);
    expect(report.delivered).toBeGreaterThan(1_000);
  });
});
