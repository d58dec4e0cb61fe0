import type { Socket } from 'socket.io';
import type { InstanceId } from '../wire/envelope.js';
import { tokensUsedBy } from '../sockets/token.js';
import { isReservedRoom } from './reserved-rooms.js';

/** A socket on any instance, as `fetchUserSockets` and the like describe it. */
export interface SocketDetails {
  readonly id: string;
  /** The instance that it is connected to. */
  readonly instanceId: InstanceId;
  /** Rooms, without those of this library. */
  readonly rooms: readonly string[];
  /** `socket.data`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** `socket.handshake`, without credentials. */
  readonly handshake: Readonly<Record<string, unknown>>;
}

/** What parts of a handshake are called that prove who somebody is. */
const CREDENTIALS = /auth|bearer|cookie|credential|jwt|key$|passw|pwd|secret|session|token/i;

/** @internal */
export function detailsOf(socket: Socket, instanceId: InstanceId): SocketDetails {
  return {
    id: socket.id,
    instanceId,
    rooms: [...socket.rooms].filter((room) => !isReservedRoom(room)),
    data: socket.data as Record<string, unknown>,
    handshake: publicHandshake(socket),
  };
}

/** Whether another instance's answer describes a socket: Socket.IO would throw where it does not. @internal */
export function isSocketDetails(value: unknown): value is SocketDetails {
  if (typeof value !== 'object' || value === null) return false;
  const { id, rooms, data, handshake } = value as Partial<Record<keyof SocketDetails, unknown>>;
  return (
    typeof id === 'string' &&
    Array.isArray(rooms) &&
    rooms.every((room) => typeof room === 'string') &&
    typeof data === 'object' &&
    typeof handshake === 'object' &&
    handshake !== null
  );
}

/**
 * Credentials stay on the instance that checked them: what is on Redis can be read by everybody with access to it.
 * They are known by their names, and tokens also by their value, wherever the app takes them from.
 */
function publicHandshake(socket: Socket): Record<string, unknown> {
  const { headers, auth, query, time, address, xdomain, secure, issued, url } = socket.handshake;
  const tokens = tokensUsedBy(socket);
  return {
    headers: publicPart(headers, tokens),
    auth: publicPart(auth, tokens),
    query: publicPart(query, tokens),
    time,
    address,
    xdomain,
    secure,
    issued,
    url: url.replace(
      /([?&])([^=&]*)=([^&]*)/g,
      (pair, separator: string, name: string, value: string) =>
        isSecret(name, decoded(value), tokens) ? `${separator}${name}=***` : pair,
    ),
  };
}

function publicPart(
  source: Record<string, unknown> | undefined,
  tokens: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(source ?? {}).filter(([name, value]) => !isSecret(name, value, tokens)),
  );
}

function isSecret(name: string, value: unknown, tokens: readonly string[]): boolean {
  if (CREDENTIALS.test(name)) return true;
  return tokens.some((token) => value === token || String(value).endsWith(` ${token}`));
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return value;
  }
}
