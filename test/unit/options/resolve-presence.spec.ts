import { describe, expect, it } from '@jest/globals';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const resolve = (options: unknown) =>
  resolveOptions(options as RedisPropagatorOptions, new MemoryLogger()).presence;

describe('the options of presence', () => {
  it('have defaults', () => {
    const defaults = {
      graceMs: 5_000,
      leaseMs: 10_000,
      lastSeenMs: 30 * 86_400_000,
      canWatch: undefined,
      maxWatchedUsers: 200,
      heartbeatIntervalMs: 2_000,
    };
    expect(resolve(undefined)).toEqual(defaults);
    expect(resolve({ presence: {} })).toEqual(defaults);
    expect(resolve({ presence: { graceMs: undefined, leaseMs: undefined } })).toEqual(defaults);
    expect(Object.isFrozen(resolve({}))).toBe(true);
  });

  it('are taken unchanged; the default lease is as long as memberTimeoutMs', () => {
    const given = {
      graceMs: 0,
      leaseMs: 4_000,
      lastSeenMs: 0,
      canWatch: () => true,
      maxWatchedUsers: 10_000,
    };
    expect(resolve({ presence: given })).toEqual({ ...given, heartbeatIntervalMs: 2_000 });
    expect(resolve({ heartbeatIntervalMs: 50, memberTimeoutMs: 300 })).toMatchObject({
      leaseMs: 300,
      heartbeatIntervalMs: 50,
    });
  });

  it('may be false: then there is no presence', () => {
    expect(resolve({ presence: false })).toBeUndefined();
  });

  it.each([
    [
      true,
      /"presence": got true.*\{ graceMs, leaseMs, lastSeenMs, canWatch, maxWatchedUsers \}, or false/,
    ],
    [null, /"presence": got null/],
    ['on', /"presence": got "on"/],
    [{ grace: 1 }, /"presence\.grace" does not exist.*graceMs, leaseMs, lastSeenMs/],
    [{ graceMs: -1 }, /"presence\.graceMs": got -1.*from 0 to 3600000, such as 5000/],
    [{ graceMs: 3_600_001 }, /"presence\.graceMs": got 3600001/],
    [{ graceMs: '5000' }, /"presence\.graceMs": got "5000"/],
    [{ lastSeenMs: 0.5 }, /"presence\.lastSeenMs": got 0\.5/],
    [{ lastSeenMs: Infinity }, /"presence\.lastSeenMs": got Infinity/],
    [{ canWatch: true }, /"presence\.canWatch": got true.*Write a function/],
    [{ maxWatchedUsers: 0 }, /"presence\.maxWatchedUsers": got 0/],
    [{ maxWatchedUsers: 5 }, /"presence\.maxWatchedUsers": got 5 without "canWatch".*add/],
    [{ leaseMs: 0 }, /"presence\.leaseMs": got 0/],
    [{ leaseMs: 3_999 }, /"presence\.leaseMs": got 3999.*twice heartbeatIntervalMs \(2000\)/],
  ])('stop the start if they are wrong: %j', (presence, message) => {
    expect(() => resolve({ presence })).toThrow(message);
  });

  it('are required for the limit of sockets', () => {
    const auth = { authenticate: () => null, maxSocketsPerUser: 3 };
    expect(resolve({ auth })).toBeDefined();
    expect(() => resolve({ auth, presence: false })).toThrow(
      /"auth\.maxSocketsPerUser": got 3, with "presence: false".*leave "presence" on/,
    );
  });
});
