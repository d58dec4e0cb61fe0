import type { Socket } from 'socket.io';
import type { InstanceId } from '../wire/envelope.js';
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

const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

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

/** Tokens stay on the instance that checked them: what is on Redis can be read by everybody with access to it. */
function publicHandshake({ handshake }: Socket): Record<string, unknown> {
  const { headers, auth, query, time, address, xdomain, secure, issued, url } = handshake;
  return {
    headers: without(headers, CREDENTIAL_HEADERS),
    auth: without(auth, ['token']),
    query: without(query, ['token']),
    time,
    address,
    xdomain,
    secure,
    issued,
    url: url.replace(/([?&]token=)[^&]*/, '$1***'),
  };
}

function without(
  source: Record<string, unknown> | undefined,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source ?? {}).filter(([name]) => !names.includes(name)));
}
