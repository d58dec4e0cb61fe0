import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { Subject, type Observable } from 'rxjs';
import type { Socket } from 'socket.io';
import type { HandlerCall } from '../../src/nest/handler-call.js';
import { MessageHandlers } from '../../src/nest/message-handlers.js';
import { Reporter } from '../../src/reporting/reporter.js';
import { MemoryLogger } from '../support/memory-logger.js';

const MAX_HELD = 10_000;

describe('calls of sockets that have left', () => {
  const logger = new MemoryLogger();
  let reporter: Reporter;
  let handlers: MessageHandlers;
  let results: Subject<unknown>[];
  let propagated: unknown[];
  let mayPropagate: boolean;
  /** The call, while no interceptor has seen it. */
  let unseen: HandlerCall | undefined;
  beforeEach(() => {
    mayPropagate = true;
    jest.useFakeTimers();
    logger.lines.length = 0;
    reporter = new Reporter(logger);
    results = [];
    propagated = [];
    handlers = new MessageHandlers({
      reporter,
      mapPayload: (data) => ({ data }),
      unseen: () => undefined,
      mayPropagate: () => mayPropagate,
    });
  });
  afterEach(() => {
    handlers.close();
    jest.useRealTimers();
  });

  const callback = (_: unknown, __: unknown, call: HandlerCall): Observable<unknown> => {
    call.propagate = (response) => propagated.push(response);
    const result = new Subject<unknown>();
    results.push(result);
    return result;
  };

  /** A socket that sent a message and left before the response. */
  const leave = (): void => {
    const socket = new EventEmitter() as unknown as Socket;
    handlers.bind(socket, [{ message: 'ask', callback } as never], (result) => result);
    socket.emit('ask');
    socket.emit('disconnect');
  };
  const leaveUnseen = (): void => {
    const socket = new EventEmitter() as unknown as Socket;
    const result = new Subject<unknown>();
    results.push(result);
    const behindGuard = (_: unknown, __: unknown, call: HandlerCall): Observable<unknown> => {
      unseen = call;
      return result;
    };
    handlers.bind(socket, [{ message: 'ask', callback: behindGuard } as never], (each) => each);
    socket.emit('ask');
    socket.emit('disconnect');
  };
  const isObserved = (): boolean[] => results.map(({ observed }) => observed);

  it('wait for a guard or an interceptor, and end at once in an app whose gateways have no interceptor', () => {
    leaveUnseen();
    if (unseen !== undefined) unseen.propagate = (response) => propagated.push(response);
    results[0]?.next({ event: 'done', data: 1 });
    results[0]?.complete();
    expect(propagated).toEqual([{ event: 'done', data: 1 }]);

    leaveUnseen();
    results[1]?.next({ event: 'done', data: 2 });
    results[1]?.complete();
    leaveUnseen();
    jest.advanceTimersByTime(30_000);
    mayPropagate = false;
    leaveUnseen();
    expect(isObserved()).toEqual([false, false, false, false]);
    expect(propagated).toHaveLength(1);
    expect(reporter.counts()).toEqual({});
  });

  it('wait 30 s for a result, and are then reported', () => {
    leave();
    leave();
    jest.advanceTimersByTime(29_999);
    expect(isObserved()).toEqual([true, true]);
    results[0]?.next({ event: 'done', data: 1 });
    results[0]?.complete();
    expect(propagated).toEqual([{ event: 'done', data: 1 }]);
    jest.advanceTimersByTime(1);
    expect(isObserved()).toEqual([false, false]);
    expect(reporter.counts()).toEqual({ 'response.abandoned': 1 });
    expect(logger.lines).toEqual([expect.stringMatching(/"ask" had no result 30 s after/)]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are limited in number: the oldest is given up', () => {
    for (let i = 0; i <= MAX_HELD; i++) leave();
    expect(isObserved().filter(Boolean)).toHaveLength(MAX_HELD);
    expect(isObserved()[0]).toBe(false);
    expect(reporter.counts()).toEqual({ 'response.abandoned': 1 });
  });

  it('leave nothing behind when the app is closed', () => {
    leave();
    handlers.close();
    expect(isObserved()).toEqual([false]);
    expect(reporter.counts()).toEqual({ 'response.abandoned': 1 });
    expect(jest.getTimerCount()).toBe(0);
  });
});
