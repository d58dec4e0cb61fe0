import { RESERVED_EVENTS } from './reserved-events.js';

/** An event that another program published as JSON, see `docs/protocol.md`. @internal */
export interface ExternalEvent {
  readonly event: string;
  readonly data?: unknown;
  /** Rooms (a socket's id is one) whose sockets do not get the event. */
  readonly except: readonly string[];
}

const OPENING_BRACE = 0x7b;

/** Whether a payload is JSON from outside: it starts with `{`. @internal */
export function isExternal(bytes: Buffer): boolean {
  return bytes[0] === OPENING_BRACE;
}

/** Never throws. A string is the reason of a refusal. @internal */
export function decodeExternalEvent(bytes: Buffer): ExternalEvent | string {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'not JSON';
  }
  const { event, data, except = [] } = value as Record<string, unknown>;
  if (typeof event !== 'string' || event === '') return '"event" must be a non-empty string';
  if (RESERVED_EVENTS.has(event)) return `"${event}" is a reserved event name`;
  if (!Array.isArray(except) || !except.every((room) => typeof room === 'string')) {
    return '"except" must be a list of rooms or socket ids';
  }
  return { event, data, except };
}
