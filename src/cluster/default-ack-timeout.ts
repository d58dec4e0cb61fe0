import type { Server } from 'socket.io';

const PATCHED = Symbol.for('nestjs-redis-propagator:default-ack-timeout');
const TIMEOUT = Symbol.for('nestjs-redis-propagator:ack-timeout-ms');

interface Operator {
  readonly flags: { timeout?: number };
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
    if (timeout !== undefined && typeof args.at(-1) === 'function') this.flags.timeout ??= timeout;
    return emit.call(this, event, ...args);
  };
}

/** Gives an adapter its default. @internal */
export function setDefaultAckTimeout(adapter: object, timeoutMs: number): void {
  Object.defineProperty(adapter, TIMEOUT, { value: timeoutMs });
}
