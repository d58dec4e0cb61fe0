import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { PropagatorError } from '../../../../src/errors.js';
import {
  installDefaultAckTimeout,
  setDefaultAckTimeout,
} from '../../../../src/socket-io/adapter/default-ack-timeout.js';

const TIMEOUT_MS = 4_000;
const IGNORE = (): void => undefined;

type Ack = (error: unknown, answers?: unknown) => void;

/** A copy of Socket.IO with its operator, whose `emit` a test replaces. */
function socketIo() {
  class Operator {
    emitted: unknown[][] = [];

    constructor(
      readonly adapter: object | undefined,
      readonly flags: { timeout?: number; expectSingleResponse?: boolean } | undefined,
    ) {}

    emit(...args: unknown[]): boolean {
      this.emitted.push(args);
      return true;
    }
  }
  const server = { in: () => new Operator({}, {}) } as unknown as Server;
  return { Operator, server };
}

describe('the default timeout of acknowledgements', () => {
  let copy: ReturnType<typeof socketIo>;
  let adapter: object;
  let failures: unknown[];
  beforeEach(() => {
    copy = socketIo();
    adapter = {};
    failures = [];
    installDefaultAckTimeout(copy.server);
    setDefaultAckTimeout(adapter, TIMEOUT_MS, (error) => failures.push(error));
  });

  it('is set on a broadcast with an acknowledgement, unless that has its own', () => {
    const operator = new copy.Operator(adapter, {});
    operator.emit('event', () => undefined);
    expect(operator.flags).toEqual({ timeout: TIMEOUT_MS });
    const own = new copy.Operator(adapter, { timeout: 7 });
    own.emit('event', () => undefined);
    expect(own.flags).toEqual({ timeout: 7 });
  });

  it('leaves other broadcasts, other adapters and unknown operators alone', () => {
    const operators = [
      [new copy.Operator(adapter, {}), 'data'],
      [new copy.Operator({}, {}), IGNORE],
      [new copy.Operator(undefined, {}), IGNORE],
      [new copy.Operator(adapter, undefined), IGNORE],
    ] as const;
    for (const [operator, last] of operators) {
      operator.emit('event', last);
      expect(operator.emitted).toEqual([['event', last]]);
      expect(operator.flags?.timeout).toBeUndefined();
    }
  });

  it('wraps each copy of Socket.IO once', () => {
    const { emit } = copy.Operator.prototype;
    installDefaultAckTimeout(copy.server);
    expect(copy.Operator.prototype.emit).toBe(emit);
  });

  it.each([
    [{}, []],
    [{ expectSingleResponse: true }, null],
  ])('hands the error of a refused event to the callback once, with %j', async (flags, none) => {
    const refused = PropagatorError.of('event.unserialisable', ['event', 'no']);
    let timer: Ack | undefined;
    const { server, Operator } = socketIo();
    Operator.prototype.emit = function (...args) {
      timer = args.at(-1) as Ack;
      throw refused;
    };
    installDefaultAckTimeout(server);
    const calls: unknown[][] = [];
    const ack: Ack = (...answer) => calls.push(answer);
    const operator = new Operator(adapter, { ...flags });
    expect(operator.emit('event', 1, ack)).toBe(true);
    expect(calls).toEqual([]);
    await new Promise(process.nextTick);
    expect(calls).toEqual([[refused, none]]);
    timer?.(new Error('timeout'));
    expect(calls).toHaveLength(1);
  });

  it('reports an error that the callback throws', async () => {
    const { server, Operator } = socketIo();
    Operator.prototype.emit = () => {
      throw PropagatorError.of('event.unserialisable', ['event', 'no']);
    };
    installDefaultAckTimeout(server);
    const thrown = new Error('a callback of the app');
    new Operator(adapter, {}).emit('event', () => {
      throw thrown;
    });
    await new Promise(process.nextTick);
    expect(failures).toEqual([thrown]);
  });

  it("throws Socket.IO's own errors, such as for a reserved name", () => {
    const { server, Operator } = socketIo();
    Operator.prototype.emit = () => {
      throw new Error('reserved');
    };
    installDefaultAckTimeout(server);
    expect(() => new Operator(adapter, {}).emit('connect', () => undefined)).toThrow('reserved');
  });
});
