import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'socket.io';
import { Reporter } from '../../../src/reporting/reporter.js';
import { TokenExpiry } from '../../../src/auth/token-expiry.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const START = Date.UTC(2030, 0, 1) + 250;
const WARNING_MS = 60_000;

const seconds = () => (Date.now() - START) / 1_000;

const expiring = (id: string, at: number, endsAt: number) => [
  id,
  at,
  'auth:expiring',
  { expiresAt: START + endsAt * 1_000, expiresInMs: (endsAt - at) * 1_000 },
];
const end = (id: string, at: number) => [
  [id, at, 'propagator:disconnect', { reason: 'auth.expired' }],
  [id, at, 'disconnected'],
];

describe('the expiry of a connected socket', () => {
  let told: unknown[][];
  let reporter: Reporter;
  let expiry: TokenExpiry;
  beforeEach(() => {
    jest.useFakeTimers({ now: START });
    told = [];
    reporter = new Reporter(new MemoryLogger());
    withWarning(WARNING_MS);
  });
  afterEach(() => {
    expiry.close();
    jest.useRealTimers();
  });

  function withWarning(expiryWarningMs: number): void {
    expiry = new TokenExpiry({ expiryWarningMs }, reporter);
  }

  function socketOf(id: string): Socket {
    const socket = {
      id,
      emit: (event: string, data: unknown) => told.push([id, seconds(), event, data]),
      disconnect: () => {
        told.push([id, seconds(), 'disconnected']);
        expiry.left(id);
      },
    };
    return socket as unknown as Socket;
  }

  function connected(id: string, livesMs: number): Socket {
    const socket = socketOf(id);
    expiry.admitted(socket, START + livesMs);
    expiry.connected(socket);
    return socket;
  }

  it('is announced once, shortly before, and then takes place', () => {
    connected('a', 3_600_000);
    jest.advanceTimersByTime(7_200_000);
    expect(told).toEqual([expiring('a', 3_539.75, 3_600), ...end('a', 3_600.75)]);
    expect(reporter.counts()).toEqual({ 'auth.expired': 1 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is announced at once if it is near', () => {
    connected('a', 10_000);
    expect(told).toEqual([expiring('a', 0, 10)]);
    jest.advanceTimersByTime(60_000);
    expect(told).toEqual([expiring('a', 0, 10), ...end('a', 10.75)]);
  });

  it('is announced before it takes place, however short the warning time is', () => {
    withWarning(1);
    connected('a', 10_250);
    jest.advanceTimersByTime(60_000);
    expect(told).toEqual([expiring('a', 9.75, 10.25), ...end('a', 10.75)]);
  });

  it('takes place without a warning if warnings are off', () => {
    withWarning(0);
    connected('a', 10_000);
    jest.advanceTimersByTime(60_000);
    expect(told).toEqual(end('a', 10.75));
  });

  it('takes place at the next turn for a socket that took too long to connect', () => {
    connected('a', -1);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(1_000);
    expect(told).toEqual(end('a', 0.75));
  });

  it('moves with a new token, and is announced to the client again', () => {
    const socket = connected('a', 70_000);
    jest.advanceTimersByTime(20_000);
    expiry.renewed(socket, START + 200_000);
    jest.advanceTimersByTime(400_000);
    expect(told).toEqual([
      expiring('a', 9.75, 70),
      expiring('a', 139.75, 200),
      ...end('a', 200.75),
    ]);
  });

  it('is announced at half of the lifetime of a new token that lives for less than the warning time', () => {
    const socket = connected('a', 30_000);
    expect(told).toEqual([expiring('a', 0, 30)]);
    expiry.renewed(socket, START + 30_000);
    expect(told).toHaveLength(1);
    jest.advanceTimersByTime(60_000);
    expect(told.slice(1)).toEqual([expiring('a', 14.75, 30), ...end('a', 30.75)]);
  });

  it('does not take place after a new token without an expiry, until a token has one again', () => {
    const socket = connected('a', 70_000);
    expiry.renewed(socket, undefined);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(100_000);
    expect(told).toEqual([]);
    expiry.renewed(socket, START + 300_000);
    jest.advanceTimersByTime(300_000);
    expect(told).toEqual([expiring('a', 239.75, 300), ...end('a', 300.75)]);
  });

  it('is ignored for a socket that has left', () => {
    const sockets = Array.from({ length: 1_000 }, (_, index) => connected(`s${index}`, 70_000));
    expect(jest.getTimerCount()).toBe(1);
    for (const { id } of sockets) expiry.left(id);
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(100_000);
    expect(told).toEqual([]);
  });

  it('does not exist for a socket without one', () => {
    const socket = socketOf('a');
    expiry.admitted(socket, undefined);
    expiry.connected(socket);
    expect(expiry.hasExpired(socket)).toBe(false);
    expect(jest.getTimerCount()).toBe(0);
    expiry.left('a');
  });

  it('is not announced twice, and not early, when the clock is set back', () => {
    connected('a', 70_000);
    jest.advanceTimersByTime(15_000);
    jest.setSystemTime(START);
    jest.advanceTimersByTime(69_000);
    expect(told).toEqual([expiring('a', 9.75, 70)]);
    jest.advanceTimersByTime(2_000);
    expect(told.slice(1)).toEqual(end('a', 70.75));
  });

  it('is not announced twice when the clock is set back at that very moment', () => {
    const first = connected('first', 10_000);
    connected('second', 10_000);
    const { disconnect } = first;
    first.disconnect = () => {
      jest.setSystemTime(Date.now() - 5_000);
      return disconnect.call(first);
    };
    jest.advanceTimersByTime(30_000);
    expect(told.map(([id, , event]) => `${String(id)} ${String(event)}`)).toEqual([
      'first auth:expiring',
      'second auth:expiring',
      'first propagator:disconnect',
      'first disconnected',
      'second propagator:disconnect',
      'second disconnected',
    ]);
  });

  it('counts by the clock, before the socket is notified', () => {
    const socket = connected('a', 500);
    expect(expiry.hasExpired(socket)).toBe(false);
    jest.advanceTimersByTime(500);
    expect(expiry.hasExpired(socket)).toBe(true);
    expect(told).toEqual([expiring('a', 0, 0.5)]);
  });

  it('takes place for this socket and others if a listener of the app throws', () => {
    const socket = socketOf('a');
    socket.emit = () => {
      throw new Error('of the app');
    };
    expiry.admitted(socket, START + 10_000);
    expiry.connected(socket);
    connected('b', 10_000);
    jest.advanceTimersByTime(20_000);
    expect(told).toEqual([expiring('b', 0, 10), ['a', 10.75, 'disconnected'], ...end('b', 10.75)]);
    expect(reporter.counts()).toEqual({ 'auth.expired': 2, 'listener.failed': 2 });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('does not take place after the app has closed', () => {
    connected('a', 70_000);
    expiry.close();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(100_000);
    expect(told).toEqual([]);
  });
});
