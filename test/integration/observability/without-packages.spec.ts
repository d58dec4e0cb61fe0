import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { DiagnosticsService, PropagatorHealthIndicator } from '../../../src/index.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

// Like an app that has not installed the optional peer dependencies.
for (const name of ['@opentelemetry/api', '@nestjs/terminus']) {
  jest.mock(name, () => {
    throw new Error(`Cannot find module '${name}'`);
  });
}

describe('an app without OpenTelemetry and without terminus', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('works: it starts, delivers events, and reports its state', async () => {
    await expect(import('@opentelemetry/api')).rejects.toThrow('Cannot find module');
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const far = await b.connect({ token: 'alice' });
    await a.propagator.emitToUser({ userId: 'alice', event: 'x', data: 1 });
    await far.waitFor('x', 1);
    expect(a.app.get(PropagatorHealthIndicator).checkHealth().propagator.status).toBe('up');
    expect(a.app.get(DiagnosticsService).diagnostics().traffic.sent.user.events).toBe(1);
    expect(cluster.logger.matching(/^(warn|error) /)).toEqual([]);
  });
});
