import type { Server } from 'socket.io';
import { isError } from '../../kinds.js';

const PATCHED = Symbol.for('nestjs-redis-propagator:default-ack-timeout');
const TIMEOUT = Symbol.for('nestjs-redis-propagator:ack-timeout-ms');

type Acknowledge = (this: unknown, ...answer: unknown[]) => void;

interface Operator {
  readonly flags: { timeout?: number; expectSingleResponse?: boolean };
  readonly adapter: { readonly [TIMEOUT]?: number };
  emit: (this: Operator, event: string, ...args: unknown[]) => boolean;
}

/**
 * Without `.timeout()` Socket.IO's broadcasts with an acknowledgement end after a millisecond, with nothing: its
 * BroadcastOperator hands an undefined timeout to setTimeout. The operator has no seam for a default, so its `emit`
 * is wrapped, once per copy of socket.io; adapters other than ours are left as they are.
 *
 * @internal
 */
export function installDefaultAckTimeout(server: Server): void {
  const prototype = Object.getPrototypeOf(server.in('')) as Operator & { [PATCHED]?: true };
  if (prototype[PATCHED] === true) return;
  const { emit } = prototype;
  Object.defineProperty(prototype, PATCHED, { value: true });
  prototype.emit = function (this: Operator, event: string, ...args: unknown[]): boolean {
    const timeout = this.adapter[TIMEOUT];
    const ack = args.at(-1);
    if (timeout === undefined || typeof ack !== 'function') return emit.call(this, event, ...args);
    this.flags.timeout ??= timeout;
    return emitOnce(this, emit, [event, ...args.slice(0, -1)], ack as Acknowledge);
  };
}

/** An event that nobody can be asked with is told to the callback, at once; Socket.IO's timer would call it a second time. */
function emitOnce(
  operator: Operator,
  emit: Operator['emit'],
  [event, ...args]: [string, ...unknown[]],
  ack: Acknowledge,
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
    queueMicrotask(() => once(error, operator.flags.expectSingleResponse === true ? null : []));
    return true;
  }
}

/** Gives an adapter its default. @internal */
export function setDefaultAckTimeout(adapter: object, timeoutMs: number): void {
  Object.defineProperty(adapter, TIMEOUT, { value: timeoutMs });
}
