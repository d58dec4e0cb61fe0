import type { Socket } from 'socket.io';
import type { ResolvedSharedHandshake } from '../../options/resolve-shared-handshake.js';
import type { Reporter } from '../../reporting/reporter.js';
import { tokensUsedBy } from '../../auth/token.js';
import type { InstanceId } from '../../wire/envelope.js';
import { SendableCopy } from '../../wire/sendable.js';

/** A socket on any instance, as `fetchUserSockets` and the like describe it. */
export interface SocketDetails {
  readonly id: string;
  /** The instance that it is connected to. */
  readonly instanceId: InstanceId;
  /** Rooms, without those of this library. */
  readonly rooms: readonly string[];
  /** `socket.data`, without values that cannot be sent: cycles, BigInt, values that are too deep or too large. */
  readonly data: Readonly<Record<string, unknown>>;
  /** `socket.handshake`, without credentials: of `auth` and `query` only the fields that the option `sharedHandshake` names. */
  readonly handshake: Readonly<Record<string, unknown>>;
}

/** @internal */
export interface DescribingInstance {
  readonly instanceId: InstanceId;
  readonly sharedHandshake: ResolvedSharedHandshake;
  readonly maxMessageBytes: number;
}

/** Headers that describe a client and prove nothing. */
const HEADERS = [
  'accept-encoding',
  'accept-language',
  'forwarded',
  'host',
  'origin',
  'traceparent',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-real-ip',
  'x-request-id',
];
/** Approximate limit for `socket.data`, for the rooms and for the handshake. */
const MAX_DETAILS_BYTES = 256 * 1024;
/** All three have to fit into one message, and JSON can turn one byte into six. */
const PARTS_OF_MESSAGE = 20;

/**
 * Describes a socket to other instances. Leaves out values that cannot be sent, counts them, and names one of each kind in
 * the log: one socket must not hide the others. Never throws.
 *
 * @internal
 */
export function detailsOf(
  socket: Socket,
  here: DescribingInstance,
  reporter: Reporter,
): SocketDetails {
  const leftOut = (why: string, path: string): void =>
    reporter.once(
      `socket-details.${why}`,
      () => `${path} of socket ${socket.id} is left out of its description for other instances`,
    );
  const tokens = tokensUsedBy(socket);
  const isToken = (text: string): boolean =>
    tokens.some((token) => text === token || text.endsWith(` ${token}`));
  const bytes = Math.min(MAX_DETAILS_BYTES, Math.floor(here.maxMessageBytes / PARTS_OF_MESSAGE));
  const copied = <T extends object>(
    name: string,
    make: () => unknown,
    none: T,
    copy = new SendableCopy(bytes, leftOut),
  ): T => {
    try {
      const made = make();
      const sent = typeof made === 'object' && made !== null ? copy.of(made, name) : undefined;
      // A Date becomes a string: the other instance would refuse the reply for all sockets.
      if (typeof sent === 'object' && sent !== null) return sent as T;
    } catch {
      // A getter of the app threw, or the app replaced the handshake.
    }
    leftOut('unserialisable', name);
    return none;
  };
  const rooms = () => [...socket.rooms];
  const handshake = () => sharedHandshake(socket, here.sharedHandshake);
  const withoutTokens = new SendableCopy(bytes, leftOut, isToken);
  return {
    id: socket.id,
    instanceId: here.instanceId,
    rooms: copied<string[]>('rooms', rooms, []).filter((room) => typeof room === 'string'),
    data: copied('data', () => socket.data, {}),
    handshake: copied('handshake', handshake, {}, withoutTokens),
  };
}

/** Whether an item of another instance's reply describes a socket. Socket.IO would throw for others. @internal */
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
 * The fields of a handshake that are known to be harmless, and those that the app names. Credentials stay on the instance
 * that checked them, because everybody with access to Redis can read messages. No list of suspicious names finds them all.
 */
function sharedHandshake(socket: Socket, shared: ResolvedSharedHandshake): object {
  const { headers, auth, query, time, address, xdomain, secure, issued, url } = socket.handshake;
  return {
    headers: named(headers, [...HEADERS, ...shared.headers]),
    auth: named(auth, shared.auth),
    query: named(query, shared.query),
    time,
    address,
    xdomain,
    secure,
    issued,
    url: url.slice(0, indexOfQuery(url)),
  };
}

function named(source: unknown, names: readonly string[]): object {
  if (typeof source !== 'object' || source === null) return {};
  const own = names.filter((name) => Object.hasOwn(source, name));
  return Object.fromEntries(own.map((name) => [name, (source as Record<string, unknown>)[name]]));
}

function indexOfQuery(url: string): number {
  const index = url.search(/[?#;]/);
  return index === -1 ? url.length : index;
}
