/**
 * Names that Socket.IO (`RESERVED_EVENTS` in its `socket-types`) and Node's EventEmitter use themselves, and
 * `error`, which an emitter without a listener throws.
 *
 * @internal
 */
export const RESERVED_EVENTS: ReadonlySet<string> = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'error',
  'newListener',
  'removeListener',
]);

/** Whether the clients of Socket.IO accept a value as the name of an event. @internal */
export function isEventName(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && !RESERVED_EVENTS.has(value));
}
