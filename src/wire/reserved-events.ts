/**
 * The event that tells a client the new states of watched users, with a `PresenceNotice`. It is not kept for clients that are
 * away: they request the states when they are back.
 */
export const PRESENCE_EVENT = 'propagator:presence';

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
