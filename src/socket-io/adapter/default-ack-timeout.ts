import type { Server } from 'socket.io';
import { isError } from '../../kinds.js';
import { nextTick, type Failed } from '../../reporting/timers.js';
import { ackFlagsOf, adapterOf } from '../internals.js';

const PATCHED = Symbol.for('nestjs-redis-propagator:default-ack-timeout');
const TIMEOUT = Symbol.for('nestjs-redis-propagator:ack-timeout-ms');
const FAILED = Symbol.for('nestjs-redis-propagator:ack-failed');

type Acknowledge = (this: unknown, ...answer: unknown[]) => void;

interface Operator {
  emit: (this: Operator, event: string, ...args: unknown[]) => boolean;
}

/** An adapter of this library. */
interface WithDefault {
  readonly [TIMEOUT]?: number;
  readonly [FAILED]?: Failed;
}

/**
 * Gives broadcasts with an acknowledgement a default timeout. Without `.timeout()` Socket.IO's BroadcastOperator hands
 * undefined to setTimeout, and gives up after a millisecond. It has no seam for a default, so this wraps its `emit`, once
 * per copy of socket.io. Other adapters keep Socket.IO's behaviour, and so do operators whose private members are not as
 * expected.
 *
 * @internal
 */
export function installDefaultAckTimeout(server: Server): void {
  const prototype = Object.getPrototypeOf(server.in('')) as Operator & { [PATCHED]?: true };
  if (prototype[PATCHED] === true) return;
  const { emit } = prototype;
  Object.defineProperty(prototype, PATCHED, { value: true });
  prototype.emit = function (this: Operator, event: string, ...args: unknown[]): boolean {
    const ack = args.at(-1);
    if (typeof ack !== 'function') return emit.call(this, event, ...args);
    const adapter: WithDefault | undefined = adapterOf(this);
    const flags = ackFlagsOf(this);
    const timeout = adapter?.[TIMEOUT];
    if (timeout === undefined || flags === undefined) return emit.call(this, event, ...args);
    flags.timeout ??= timeout;
    const failed = adapter?.[FAILED] ?? (() => undefined);
    return emitOnce(this, emit, [event, ...args.slice(0, -1)], ack as Acknowledge, failed);
  };
}

/** Hands the error of a refused event to the callback. Calls it once: Socket.IO's timer would call it again. */
function emitOnce(
  operator: Operator,
  emit: Operator['emit'],
  [event, ...args]: [string, ...unknown[]],
  ack: Acknowledge,
  failed: Failed,
): boolean {
  let called = false;
  const once: Acknowledge = (...answer) => {
    if (called) return;
    called = true;
    ack.apply(operator, answer);
  };
  try {
    return emit.call(operator, event, ...args, once);
  } catch (error) {
    // An error of this package, or of another copy of it. All others are Socket.IO's, as for a reserved name.
    if (!isError(error) || error.name !== 'PropagatorError') throw error;
    const none = ackFlagsOf(operator)?.expectSingleResponse === true ? null : [];
    nextTick(failed, () => once(error, none));
    return true;
  }
}

/** Sets the default of an adapter. `failed` takes errors that a callback of the app throws. @internal */
export function setDefaultAckTimeout(adapter: object, timeoutMs: number, failed: Failed): void {
  Object.defineProperty(adapter, TIMEOUT, { value: timeoutMs });
  Object.defineProperty(adapter, FAILED, { value: failed });
}
