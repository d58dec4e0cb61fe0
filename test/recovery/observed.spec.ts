import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ClusterService, PropagatorHealthIndicator } from '../../src/index.js';
import { ObservedMetrics, ObservedTraces } from '../support/open-telemetry.js';
import { MovingUsers } from './support/moving-user.js';

describe('clients that come back', () => {
  let stage: MovingUsers;
  let metrics: ObservedMetrics;
  let traces: ObservedTraces;
  beforeEach(() => {
    metrics = new ObservedMetrics();
    traces = new ObservedTraces();
  });
  afterEach(async () => {
    await stage.close();
    await metrics.close();
    await traces.close();
  });

  it('are in a histogram and a span each, with the result; the health names those that are away, and the memory', async () => {
    stage = await MovingUsers.start();
    const [alice, bob] = [await stage.connect('alice'), await stage.connect('bob')];
    await stage.send('alice', 1);
    await stage.settled(alice);
    await stage.settled(bob);
    const { recovery } = stage.cluster
      .instance(0)
      .app.get(PropagatorHealthIndicator)
      .checkHealth().propagator;
    expect(recovery).toMatchObject({ away: 0 });
    expect(recovery?.bytes).toBeGreaterThan(0);

    await stage.move(alice, 1, async () => {
      await stage.send('alice', 2, 3);
      const health = stage.cluster.instance(0).app.get(PropagatorHealthIndicator).checkHealth();
      expect(health.propagator.recovery?.away).toBe(1);
    });
    await stage.move(bob, 1, () => {
      Object.assign(bob.socket, { _lastOffset: 'x'.repeat(19) });
    });

    expect(await metrics.values('propagator.recovery.duration')).toEqual({
      'result=recovered': 1,
      'result=not-proven': 1,
    });
    const spans = traces.named('propagator recover');
    const [recovered, failed, ...others] = spans.map(({ attributes }) => attributes);
    expect(others).toEqual([]);
    expect(recovered).toEqual({
      'messaging.client.id': stage.cluster.instance(1).app.get(ClusterService).self.instanceId,
      'messaging.destination.name': '/',
      'propagator.result': 'recovered',
      'propagator.recovery.events': 2,
      'propagator.recovery.moved': true,
    });
    expect(failed).toMatchObject({
      'propagator.result': 'not-proven',
      'propagator.recovery.events': 0,
      'propagator.recovery.moved': false,
    });
  });

  it('are not in the health without the option', async () => {
    stage = await MovingUsers.start({ size: 1, options: { recovery: false } });
    const health = stage.cluster.instance(0).app.get(PropagatorHealthIndicator).checkHealth();
    expect(health.propagator).not.toHaveProperty('recovery');
  });
});
