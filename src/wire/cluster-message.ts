import * as standardParser from 'socket.io-parser';
import { encodePacket } from './encode-packet.js';
import {
  decodeEnvelope,
  encodeEnvelope,
  type EnvelopeFault,
  type EnvelopeHeader,
  type InstanceId,
} from './envelope.js';
import { EVENT_PACKET, WirePacket } from './wire-packet.js';

/**
 * The most lanes of one instance, in its record and in a question for its events: one lane for each server of a Cluster, and for each
 * publishing connection of the last minute. Records with more lanes are refused.
 *
 * @internal
 */
export const MAX_LANES = 1_024;

/** The announcements of an instance: `hello` asks the others to reply at once, `bye` is the last message. */
export interface MembershipMessage {
  readonly type: 'hello' | 'heartbeat' | 'bye';
  readonly member: MemberDetails;
  /** The number of a heartbeat, by which an instance recognises its own. 0: it is for one instance. */
  readonly beat: number;
  /** The record of the instance. Version 0.1.0 has none. */
  readonly record?: string;
  /** Where the record can be read; without it, the messages of the instance are all that there is. */
  readonly records?: RecordsPlace;
}

/** A state of the store of records. */
export interface RecordsPlace {
  /** The id of its data. */
  readonly data: string;
  readonly version: number;
}

export interface MemberDetails {
  readonly host: string;
  readonly pid: number;
  /** ms since 1970. */
  readonly startedAt: number;
  /** Connected sockets, including anonymous ones. */
  readonly sockets: number;
  /** Users with at least one socket. */
  readonly users: number;
  /** The hash of the contract, if the instance has one with schemas. Not sent by earlier versions, which ignore it. */
  readonly contract?: string;
}

export interface RequestMessage {
  /** `retry`: to one instance that may not have received the request to all. It executes each number once. */
  readonly type: 'request' | 'retry';
  readonly id: number;
  readonly operation: string;
  readonly params: unknown;
  readonly timeoutMs: number;
}

export interface ReplyMessage {
  readonly type: 'reply';
  readonly id: number;
  /** The number of this message within the reply, from 0. Errors have none, nor have replies of version 0.1.0. */
  readonly number?: number;
  /** A part of the reply. There may be several, or none. */
  readonly part?: unknown;
  /** Whether this was the last part. */
  readonly done: boolean;
  /** Why there is no reply. */
  readonly error?: string;
}

export type ClusterMessage = MembershipMessage | RequestMessage | ReplyMessage;

export interface ReceivedClusterMessage {
  readonly origin: InstanceId;
  readonly message: ClusterMessage;
  /** The bytes of the message as it came. */
  readonly size: number;
}

const encoder = new standardParser.Encoder();

type Stamp = Pick<EnvelopeHeader, 'origin' | 'sequence' | 'sentAt' | 'signed'>;

/**
 * Encodes a message between instances. It travels like an event: the same header, and a Socket.IO packet, which
 * supports binary data.
 *
 * @param about the name of the message in an error
 * @throws PropagatorError `event.unserialisable`
 * @internal
 */
export function encodeClusterMessage(
  stamp: Stamp,
  message: ClusterMessage,
  about: string = message.type,
): Buffer {
  const packet = { type: EVENT_PACKET, nsp: '/', data: [message.type, message] };
  const parts = encodePacket(encoder, packet, about);
  const header = {
    ...stamp,
    volatile: false,
    compress: true,
    except: [],
    rooms: [],
    customParser: false,
  };
  return encodeEnvelope(header, parts, 'cluster').bytes;
}

/** Never throws. @internal */
export function decodeClusterMessage(bytes: Buffer): ReceivedClusterMessage | EnvelopeFault {
  const envelope = decodeEnvelope(bytes, 'cluster');
  if (typeof envelope === 'string') return envelope;
  const message = new WirePacket(envelope, standardParser).packet?.data[1];
  if (isClusterMessage(message))
    return { origin: envelope.origin, message: known(message), size: bytes.length };
  return isOfUnknownType(message) ? 'message.unknown-kind' : 'message.malformed';
}

/** Keeps only the fields that this version knows. Any other field would be kept in memory as well. */
function known(message: ClusterMessage): ClusterMessage {
  if (!('member' in message)) return message;
  const { type, member, beat, record, records } = message;
  return {
    type,
    member: memberIn(member),
    beat,
    ...(typeof record === 'string' && { record }),
    ...(isPlace(records) && { records: { data: records.data, version: records.version } }),
  };
}

/** The fields of a member, without any others. @internal */
export function memberIn({ contract, ...given }: MemberDetails): MemberDetails {
  const { host, pid, startedAt, sockets, users } = given;
  const member = { host, pid, startedAt, sockets, users };
  return isHash(contract) ? { ...member, contract } : member;
}

/** @internal */
export function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}

function isPlace(value: unknown): value is RecordsPlace {
  const { data, version } = (value ?? {}) as Partial<RecordsPlace>;
  return typeof data === 'string' && data.length <= MAX_DATA && Number.isSafeInteger(version);
}

const HASH = /^[0-9a-f]{1,64}$/;

/** The maximum length of a host name (RFC 1035). */
const MAX_HOST = 255;
/** More than the length of an id of data. */
const MAX_DATA = 64;

function isMember(value: unknown): value is MemberDetails {
  if (typeof value !== 'object' || value === null) return false;
  const { host, ...numbers } = value as MemberDetails;
  const { pid, startedAt, sockets, users } = numbers;
  return (
    typeof host === 'string' &&
    host.length <= MAX_HOST &&
    [pid, startedAt, sockets, users].every(Number.isFinite)
  );
}

const TYPES: ReadonlySet<unknown> = new Set([
  'hello',
  'heartbeat',
  'bye',
  'request',
  'retry',
  'reply',
]);

function isOfUnknownType(value: unknown): boolean {
  const type = (value as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && !TYPES.has(type);
}

function isClusterMessage(value: unknown): value is ClusterMessage {
  if (typeof value !== 'object' || value === null) return false;
  const { type, id, operation, done, member, beat, timeoutMs } = value as Record<string, unknown>;
  switch (type) {
    case 'hello':
    case 'heartbeat':
    case 'bye':
      return isMember(member) && typeof beat === 'number';
    case 'request':
    case 'retry':
      return (
        typeof id === 'number' && typeof operation === 'string' && typeof timeoutMs === 'number'
      );
    case 'reply':
      return typeof id === 'number' && typeof done === 'boolean';
    default:
      return false;
  }
}
