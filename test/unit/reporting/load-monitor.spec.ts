import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { LoadMonitor } from '../../../src/reporting/load-monitor.js';
import { LoadService, type LoadState } from '../../../src/reporting/load.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const LIMITS = { eventLoopDelayMs: 200, pendingPublishes: 5_000 };

describe('the load monitor', () => {
  let load: LoadService;
  let logger: MemoryLogger;
  let monitor: LoadMonitor;
  let changes: LoadState[];
  beforeEach(() => {
    load = new LoadService();
    logger = new MemoryLogger();
    monitor = new LoadMonitor(load, LIMITS, () => 0, new Reporter(logger));
    changes = [];
    load.changes$.subscribe((state) => changes.push(state));
  });

  const look = (times: number, figures: Partial<typeof LIMITS> = {}): void => {
    for (let i = 0; i < times; i++) {
      monitor.processFigures({ eventLoopDelayMs: 0, pendingPublishes: 0, ...figures });
    }
  };

  it('reports an overload once, after five late measurements in a row', () => {
    look(4, { eventLoopDelayMs: 201 });
    expect(load.overloaded).toBe(false);
    look(1, { eventLoopDelayMs: 350 });
    expect(load.state).toEqual({
      overloaded: true,
      reasons: ['event-loop'],
      eventLoopDelayMs: 350,
      pendingPublishes: 0,
    });
    look(50, { eventLoopDelayMs: 400 });

    expect(logger.lines).toEqual([
      'warn Overloaded (event-loop): the event loop is 350 ms late, 0 publishes wait for Redis. ' +
        'Volatile events are shed until the overload ends.',
    ]);
  });

  it('ignores a single long task and a burst', () => {
    for (let i = 0; i < 20; i++) {
      look(4, { eventLoopDelayMs: 3_000, pendingPublishes: 50_000 });
      look(1);
    }
    expect([load.overloaded, logger.lines, changes]).toEqual([false, [], []]);
  });

  it('ends an overload after five measurements below half of the limit', () => {
    look(5, { eventLoopDelayMs: 500 });
    look(50, { eventLoopDelayMs: 150 });
    look(4, { eventLoopDelayMs: 99 });
    look(1, { eventLoopDelayMs: 100 });
    look(4, { eventLoopDelayMs: 99 });
    expect(load.overloaded).toBe(true);
    look(1, { eventLoopDelayMs: 99 });

    expect(load.overloaded).toBe(false);
    expect(logger.lines.slice(1)).toEqual([
      'log No longer overloaded, volatile events are sent again.',
    ]);
  });

  it('distinguishes the reasons of an overload', () => {
    look(5, { pendingPublishes: 5_001 });
    look(5, { pendingPublishes: 5_001, eventLoopDelayMs: 201 });
    look(5, { pendingPublishes: 2_499, eventLoopDelayMs: 201 });
    look(5);

    expect(changes.map(({ reasons, overloaded }) => [reasons, overloaded])).toEqual([
      [['redis'], true],
      [['redis', 'event-loop'], true],
      [['event-loop'], true],
      [[], false],
    ]);
  });

  it('continues if a measurement fails, and reports it', () => {
    jest.useFakeTimers();
    const reporter = new Reporter(logger);
    let asked = 0;
    monitor = new LoadMonitor(
      load,
      LIMITS,
      () => {
        asked++;
        throw new Error('no figures');
      },
      reporter,
    );
    monitor.start();
    jest.advanceTimersByTime(3_000);
    monitor.close();
    jest.useRealTimers();
    expect(asked).toBe(3);
    expect(reporter.counts()).toEqual({ 'load.failed': 3 });
  });

  it('measures once a second, and ten times a second while a figure is near its limit', () => {
    jest.useFakeTimers();
    let asked = 0;
    let pendingPublishes = 0;
    const pending = () => {
      asked++;
      return pendingPublishes;
    };
    monitor = new LoadMonitor(load, LIMITS, pending, new Reporter(logger));
    monitor.start();
    const measurementsIn = (ms: number): number => {
      const before = asked;
      jest.advanceTimersByTime(ms);
      return asked - before;
    };
    expect(measurementsIn(10_000)).toBe(10);
    pendingPublishes = 2_500;
    expect(measurementsIn(2_000)).toBe(11);
    pendingPublishes = 2_499;
    expect(measurementsIn(1_100)).toBe(2);
    monitor.close();
    expect(measurementsIn(10_000)).toBe(0);
    jest.useRealTimers();
  });

  it('takes no measurement after a listener has closed it', () => {
    jest.useFakeTimers();
    let asked = 0;
    const pending = () => {
      asked++;
      return 5_001;
    };
    monitor = new LoadMonitor(load, LIMITS, pending, new Reporter(logger));
    load.changes$.subscribe(() => monitor.close());
    monitor.start();
    jest.advanceTimersByTime(60_000);
    expect([asked, load.overloaded, jest.getTimerCount()]).toEqual([5, true, 0]);
    jest.useRealTimers();
  });

  it('measures nothing if it is switched off', () => {
    monitor = new LoadMonitor(load, undefined, () => 0, new Reporter(logger));
    monitor.start();
    look(10, { eventLoopDelayMs: 10_000 });
    expect(load.overloaded).toBe(false);
  });
});
