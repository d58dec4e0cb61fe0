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

/** An adapter of ours. */
interface WithDefault {
  readonly [TIMEOUT]?: number;
  readonly [FAILED]?: Failed;
}

/**
 * Without `.timeout()` Socket.IO's broadcasts with an acknowledgement end after a millisecond, with nothing: its
 * BroadcastOperator hands an undefined timeout to setTimeout. The operator has no seam for a default, so its `emit`
 * is wrapped, once per copy of socket.io; adapters other than ours are left as they are, and so is all where the private members
 * that this needs are not as expected.
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

/** An event that nobody can be asked with is told to the callback, at once; Socket.IO's timer would call it a second time. */
function emitOnce(
  operator: Operator,
  emit: Operator['emit'],
  [event, ...args]: [string, ...unknown[]],
  ack: Acknowledge,
  failed: Failed,
): boolean {
  let told = false;
  const once: Acknowledge = (...answer) => {
    if (told) return;
    told = true;
    ack.apply(operator, answer);
  };
  try {
    return emit.call(operator, event, ...args, once);
  } catch (error) {
    // Of this package, or of another copy of it. Others are Socket.IO's own, as for a reserved name.
    if (!isError(error) || error.name !== 'PropagatorError') throw error;
    const none = ackFlagsOf(operator)?.expectSingleResponse === true ? null : [];
    nextTick(failed, () => once(error, none));
    return true;
  }
}

/** Gives an adapter its default. `failed` takes what the callback of an app throws. @internal */
export function setDefaultAckTimeout(adapter: object, timeoutMs: number, failed: Failed): void {
  Object.defineProperty(adapter, TIMEOUT, { value: timeoutMs });
  Object.defineProperty(adapter, FAILED, { value: failed });
}
