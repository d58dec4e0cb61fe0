import { describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolve = (options: unknown) =>
  resolveOptions(options as RedisPropagatorOptions, new MemoryLogger());

describe('the options for slow clients, overload and shutdown', () => {
  it('have defaults, and can be changed one by one', () => {
    expect(resolve({ slowClients: { policy: 'report' } }).slowClients).toEqual({
      maxBufferedBytes: 8 * 1024 * 1024,
      policy: 'report',
    });
    expect(resolve({ overload: { pendingPublishes: 7 } }).overload).toEqual({
      eventLoopDelayMs: 200,
      pendingPublishes: 7,
    });
    expect(resolve({ shutdown: { drainMs: 0 } }).shutdown).toEqual({
      drainMs: 0,
      clientsPerSecond: 200,
    });
  });

  it('can be switched off if that makes sense', () => {
    const { slowClients, overload } = resolve({ slowClients: false, overload: false });
    expect([slowClients, overload]).toEqual([undefined, undefined]);
  });

  it.each<[unknown, string]>([
    [{ slowClients: true }, 'or false for no limit'],
    [{ slowClients: { maxBufferedBytes: 1_023 } }, 'slowClients.maxBufferedBytes'],
    [{ slowClients: { maxBufferedBytes: '8mb' } }, 'slowClients.maxBufferedBytes'],
    [{ slowClients: { policy: 'drop' } }, "Write 'disconnect' or 'report'."],
    [{ slowClients: { max: 1 } }, 'slowClients.max'],
    [{ overload: null }, 'or false to watch nothing'],
    [{ overload: { eventLoopDelayMs: 9 } }, 'overload.eventLoopDelayMs'],
    [{ overload: { pendingPublishes: 0 } }, 'overload.pendingPublishes'],
    [{ overload: { lag: 1 } }, 'overload.lag'],
    [{ shutdown: false }, 'Write { drainMs, clientsPerSecond }.'],
    [{ shutdown: { drainMs: -1 } }, 'shutdown.drainMs'],
    [{ shutdown: { drainMs: 600_001 } }, 'shutdown.drainMs'],
    [{ shutdown: { clientsPerSecond: 0 } }, 'shutdown.clientsPerSecond'],
    [{ shutdown: { graceMs: 1 } }, 'shutdown.graceMs'],
  ])('%j stops the start', (options, says) => {
    expect(() => resolve(options)).toThrow(says);
  });
});
