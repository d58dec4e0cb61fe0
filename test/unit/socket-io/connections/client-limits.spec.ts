import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Socket } from 'socket.io';
import { Refusals } from '../../../../src/auth/refusals.js';
import { Reporter } from '../../../../src/reporting/reporter.js';
import { ClientLimits } from '../../../../src/socket-io/connections/client-limits.js';
import { MemoryLogger } from '../../../support/memory-logger.js';

const REFUSED = {
  status: 'error',
  code: 'client.too-many-events',
  message: 'Too many events',
  retryAfterMs: 500,
};
const LIMITS = { eventsPerSecond: 2, eventBurst: 2, refusals: 3, roomsPerSocket: 1, nameBytes: 36 };

/** A socket whose client sends events to its middleware. */
class FakeSocket {
  readonly emitted: unknown[][] = [];
  passed = 0;
  private middleware: ((packet: unknown[], next: () => void) => void) | undefined;

  constructor(
    readonly id: string,
    readonly conn: object = { remoteAddress: '10.0.0.1' },
  ) {}

  use(middleware: NonNullable<FakeSocket['middleware']>): void {
    this.middleware = middleware;
  }

  emit(...args: unknown[]): void {
    this.emitted.push(args);
  }

  send(...packet: unknown[]): void {
    if (this.middleware === undefined) this.passed++;
    else this.middleware(packet, () => this.passed++);
  }
}

describe('ClientLimits', () => {
  let reporter: Reporter;
  let closed: unknown[];
  let limits: ClientLimits;
  beforeEach(() => {
    jest.useFakeTimers();
    reporter = new Reporter(new MemoryLogger());
    closed = [];
    const refusals = new Refusals(LIMITS.refusals, reporter, (connection) =>
      closed.push(connection),
    );
    limits = new ClientLimits(LIMITS, refusals, reporter);
  });
  afterEach(() => {
    jest.useRealTimers();
  });
  const connect = (userId?: string, conn?: object): FakeSocket => {
    const socket = new FakeSocket('id', conn);
    limits.connected(socket as unknown as Socket, userId);
    return socket;
  };

  it('answers a refused event in its acknowledgement', () => {
    const socket = connect('alice');
    const answers: unknown[] = [];
    for (let count = 0; count < 3; count++) {
      socket.send('event', (answer: unknown) => answers.push(answer));
    }
    expect(socket.passed).toBe(2);
    expect(answers).toEqual([REFUSED]);
    expect(socket.emitted).toEqual([]);
    expect(reporter.counts()).toEqual({ 'client.too-many-events': 1 });
  });

  it('sends one exception for several refused events, and closes the connection of a client that continues', () => {
    const socket = connect('alice');
    for (let count = 0; count < 4; count++) socket.send('event');
    expect(socket.emitted).toEqual([['exception', REFUSED]]);
    for (let count = 0; count < 10; count++) socket.send('event');
    expect(socket.passed).toBe(2);
    expect(socket.emitted).toHaveLength(1);
    jest.runAllTimers();
    expect(closed).toEqual([socket.conn]);
  });

  it('has one limit for all sockets of a user', () => {
    const [one, other] = [connect('alice'), connect('alice')];
    one.send('event');
    other.send('event');
    other.send('event');
    expect([one.passed, other.passed]).toEqual([1, 1]);
  });

  it('has one limit for each connection of anonymous clients, whatever its number of namespaces', () => {
    const conn = { remoteAddress: '10.0.0.1' };
    const sockets = [connect(undefined, conn), connect(undefined, conn), connect()];
    for (const socket of sockets) for (let count = 0; count < 2; count++) socket.send('event');
    expect(sockets.map(({ passed }) => passed)).toEqual([2, 0, 2]);
  });

  it('accepts events again after a while', () => {
    const socket = connect('alice');
    for (let count = 0; count < 3; count++) socket.send('event');
    jest.advanceTimersByTime(REFUSED.retryAfterMs);
    socket.send('event');
    expect(socket.passed).toBe(3);
  });

  it('adds no middleware without a limit', () => {
    const unlimited = new ClientLimits(
      { ...LIMITS, eventsPerSecond: undefined, eventBurst: undefined },
      new Refusals(1, reporter, () => undefined),
      reporter,
    );
    const socket = new FakeSocket('id');
    unlimited.connected(socket as unknown as Socket, 'alice');
    for (let count = 0; count < 100; count++) socket.send('event');
    expect(socket.passed).toBe(100);
  });
});
