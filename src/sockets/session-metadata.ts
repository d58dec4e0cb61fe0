import type { Socket } from 'socket.io';
import { isPlainObject } from '../kinds.js';

/** What an app or its client says of a session, such as `{ device: 'phone' }`. JSON data. */
export type SessionMetadata = Readonly<Record<string, unknown>>;

const bySocket = new WeakMap<Socket, SessionMetadata>();

/** The metadata of a socket, or null. @internal */
export function metadataOf(socket: Socket): SessionMetadata | null {
  return bySocket.get(socket) ?? null;
}

/** Null takes away what there was. @internal */
export function storeMetadata(socket: Socket, metadata: SessionMetadata | null): void {
  if (metadata === null) bySocket.delete(socket);
  else bySocket.set(socket, metadata);
}

/**
 * Metadata as it is kept: a frozen copy in which no name means anything to JavaScript. A string says why there is none.
 *
 * @internal
 */
export function checkedMetadata(given: unknown, maxBytes: number): SessionMetadata | string {
  if (!isPlainObject(given)) return 'it is no plain object';
  try {
    const text = JSON.stringify(given) as string | undefined;
    if (text?.startsWith('{') !== true) return 'it is no JSON object';
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes) return `it takes ${bytes} bytes as JSON, and may take ${maxBytes}`;
    return JSON.parse(text, (name, value: unknown) =>
      // Object.assign would take it for the prototype.
      name === '__proto__' ? undefined : Object.freeze(value),
    ) as SessionMetadata;
  } catch {
    return 'it is no JSON: it has a cycle or a BigInt in it, or is nested too deep';
  }
}
