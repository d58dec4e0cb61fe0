import { beforeEach, describe, expect, it } from '@jest/globals';
import { PropagatorError, type RedisClient } from '../../../src/index.js';
import { ConnectionState } from '../../../src/redis/connection-state.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const LOADING = 'loading:1\r\nloading_eta_seconds:12\r\n';

describe('the state of the connections', () => {
  let logger: MemoryLogger;
  let state: ConnectionState;
  let info: () => Promise<string>;
  let asked: number;
  const states: string[] = [];
  const client = {
    status: 'connect',
    // A file: nothing is tried to find out why it fails.
    options: { path: '/run/redis.sock' },
    info: () => {
      asked++;
      return info();
    },
  };

  beforeEach(() => {
    logger = new MemoryLogger();
    states.length = 0;
    asked = 0;
    client.status = 'connect';
    info = () => Promise.resolve(LOADING);
    state = new ConnectionState({
      publisher: client as unknown as RedisClient,
      hasControl: true,
      connectTimeoutMs: 20_000,
      reporter: new Reporter(logger),
      threw: (error) => states.push(String(error)),
    });
    state.current$.subscribe((current) => states.push(current));
  });
  const becomesReady = (): void => {
    client.status = 'ready';
    state.publisherChanged(true);
    state.subscriberChanged('subscriber', true);
    state.subscriberChanged('control', true);
  };

  it('is ready once all work, and degraded as soon as one does not', () => {
    state.publisherChanged(true);
    expect(state.current).toBe('connecting');
    becomesReady();
    expect(state.connections).toEqual({ publisher: true, subscriber: true, control: true });
    state.subscriberChanged('subscriber', false);
    expect(state.connections).toEqual({ publisher: true, subscriber: false, control: true });
    state.publisherChanged(false);
    becomesReady();
    state.subscriberChanged('control', false);
    expect(state.connections).toEqual({ publisher: true, subscriber: true, control: false });
    becomesReady();
    expect(states).toEqual(['connecting', 'ready', 'degraded', 'ready', 'degraded', 'ready']);
    expect(logger.lines).toEqual([
      'log Connected to Redis.',
      expect.stringMatching(/^warn Degraded.*\(connection closed\).* Retrying\.$/),
      expect.stringMatching(/^log Redis is back after \d+ ms/),
      expect.stringMatching(/^warn Degraded/),
      expect.stringMatching(/^log Redis is back after \d+ ms/),
    ]);
  });

  it('names the mistake of the app, and forgets it once Redis accepts the app', async () => {
    const started = state.first();
    state.failed(new Error('WRONGPASS invalid username-password pair'));
    await started;
    expect(state.current).toBe('degraded');
    expect(state.mistake).toMatchObject({ code: 'redis.permission' });
    expect(logger.lines).toEqual([expect.stringMatching(/WRONGPASS.*until it does\.$/)]);
    becomesReady();
    expect(state.mistake).toBeUndefined();
    expect(state.reason).toBeUndefined();
  });

  it('looks closer at a first failure without a reason, once, before it is degraded', async () => {
    const started = state.first();
    state.failed(new Error('Connection is closed.'));
    state.failed(new Error('read ECONNRESET'));
    state.publisherChanged(false);
    expect(state.current).toBe('connecting');
    await started;
    expect(states).toEqual(['connecting', 'degraded']);
    expect(logger.lines).toEqual([expect.stringMatching(/\(Connection is closed\.\).* Retrying/)]);
  });

  it('reports a refused channel that no change of state reports', () => {
    const refusal = PropagatorError.of('redis.permission', ['SUBSCRIBE', 'NOPERM', 'Grant it.']);
    becomesReady();
    state.publisherChanged(false);
    state.subscriberChanged('subscriber', false, refusal);
    state.subscriberChanged('subscriber', false, refusal);
    expect(logger.matching(/^warn subscribe\.refused/)).toHaveLength(1);
    expect(state.reason).toBe(refusal.message);
  });

  it('asks once whether Redis loads its data, and starts degraded then', async () => {
    state.check();
    state.check();
    await until(
      () => state.current === 'degraded',
      () => state.current,
    );
    state.check();
    expect(asked).toBe(1);
    expect(logger.lines).toEqual([expect.stringMatching(/LOADING.*about 12 s left/)]);
    becomesReady();
    state.check();
    expect(asked).toBe(1);
  });

  it.each([
    ['has loaded its data', () => Promise.resolve('loading:0\r\n')],
    ['does not permit the question', () => Promise.reject(new Error('NOPERM'))],
  ])('asks again while Redis %s', async (_, answer) => {
    info = answer;
    for (let times = 1; times <= 2; times++) {
      state.check();
      await new Promise((resolve) => setImmediate(resolve));
      expect(asked).toBe(times);
    }
    expect(state.current).toBe('connecting');
    expect(logger.lines).toEqual([]);
  });

  it('is closed once, and for good', () => {
    expect(state.close()).toBe(true);
    expect(state.close()).toBe(false);
    becomesReady();
    state.check();
    expect(state.current).toBe('closed');
    expect(asked).toBe(0);
    expect(logger.lines).toEqual([]);
  });
});
