import type { Socket } from 'socket.io';
import { isPlainObject } from '../kinds.js';

/** Information about a session from the app or its client, such as `{ device: 'phone' }`. JSON data. */
export type SessionMetadata = Readonly<Record<string, unknown>>;

const TOO_LARGE = new Error('too large');

const bySocket = new WeakMap<Socket, SessionMetadata>();

/** The metadata of a socket, or null. @internal */
export function metadataOf(socket: Socket): SessionMetadata | null {
  return bySocket.get(socket) ?? null;
}

/** Null removes the current metadata. @internal */
export function storeMetadata(socket: Socket, metadata: SessionMetadata | null): void {
  if (metadata === null) bySocket.delete(socket);
  else bySocket.set(socket, metadata);
}

/** JSON ignores all other keys. */
function isWritten(value: unknown): boolean {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}

/**
 * Makes the stored form of metadata: a frozen copy in which no name has a meaning to JavaScript. A string is the
 * reason of a refusal.
 *
 * @internal
 */
export function checkedMetadata(given: unknown, maxBytes: number): SessionMetadata | string {
  let left = maxBytes;
  /** Stops early: writing megabytes only to count them would block the event loop. */
  const counted = function (this: unknown, name: string, value: unknown): unknown {
    if (!Array.isArray(this) && isWritten(value)) left -= name.length;
    left -= typeof value === 'string' ? value.length : 0;
    if (Array.isArray(value)) left -= value.length;
    if (left < 0) throw TOO_LARGE;
    return value;
  };
  try {
    if (!isPlainObject(given)) return 'it is not a plain object';
    const text = JSON.stringify(given, counted) as string | undefined;
    if (text?.startsWith('{') !== true) return 'it is not a JSON object';
    if (Buffer.byteLength(text) > maxBytes) throw TOO_LARGE;
    return JSON.parse(text, (name, value: unknown) =>
      // Object.assign would change the prototype.
      name === '__proto__' ? undefined : Object.freeze(value),
    ) as SessionMetadata;
  } catch (error) {
    if (error === TOO_LARGE) return `it takes more than ${maxBytes} bytes as JSON`;
    return 'it is not JSON: it has a cycle or a BigInt in it, is nested too deep, or cannot be read';
  }
}
