import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Example } from '../../support/example.js';
import { until } from '../../support/until.js';

describe('examples/observability', () => {
  let example: Example;
  beforeAll(async () => {
    example = await Example.start('observability', { TRACES: 'console' }, { TRACES: 'console' });
  });
  afterAll(() => example.close());

  const ask = async (path: string, instance = 0) => {
    const response = await fetch(example.url(instance) + path);
    return { code: response.status, text: await response.text() };
  };

  it('has health, readiness, metrics, traces and logs', async () => {
    const near = await example.connect(0, '');
    const far = await example.connect(1, '');
    near.emit('ping');
    await far.waitFor('pinged');

    for (const path of ['/health', '/health/ready']) {
      const { code, text } = await ask(path);
      expect([code, JSON.parse(text)]).toMatchObject([
        200,
        { status: 'ok', info: { propagator: { status: 'up', state: 'ready' } } },
      ]);
    }
    const metrics = await ask('/metrics');
    expect(metrics.code).toBe(200);
    expect(metrics.text).toMatch(
      /^propagator_events_sent_total\{.*propagator_target="all".*\} 1$/m,
    );
    expect(metrics.text).toMatch(/^propagator_publish_duration_bucket\{/m);
    expect(metrics.text).toMatch(/^propagator_ready(\{.*\})? 1$/m);
    expect(JSON.parse((await ask('/diagnostics', 1)).text)).toMatchObject({
      state: 'ready',
      sockets: { connected: 1 },
      traffic: { received: { all: { events: 1 } } },
    });
    const traceOf = (instance: number, name: string) =>
      new RegExp(`traceId: '(\\w+)'[^]*?name: '${name}'`).exec(example.printed(instance))?.[1];
    await until(
      () => traceOf(1, 'propagator deliver') !== undefined,
      () => `a span in ${example.printed(1)}`,
    );
    expect(traceOf(1, 'propagator deliver')).toBe(traceOf(0, 'propagator send'));
  });
});
