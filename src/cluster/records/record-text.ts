import { isHash, MAX_LANES } from '../../wire/cluster-message.js';

/** How far an instance had come on one of its lanes. @internal */
export interface RecordedLane {
  /** Its number among the lanes of the instance. */
  readonly lane: number;
  /** The server that keeps its order; empty: not known yet. */
  readonly server: string;
  /** The last number up to which the server has taken every publish, and the last one that was given. */
  readonly head: number;
  readonly last: number;
}

/** What an instance says of itself. @internal */
export interface InstanceDescription {
  /** The versions of the envelope that it reads. */
  readonly reads: readonly number[];
  readonly host: string;
  readonly pid: number;
  /** ms since 1970. */
  readonly startedAt: number;
  /** Connected sockets, and users with at least one. */
  readonly sockets: number;
  readonly users: number;
  /** The sequence of its last event. */
  readonly sequence: number;
  readonly lanes: readonly RecordedLane[];
  /** The hash of its contract, if it has one with schemas. */
  readonly contract?: string;
}

const MAX_VERSIONS = 64;
/** The maximum length of a host name (RFC 1035). */
const MAX_HOST = 255;
/** The address of a server, or its id. */
const MAX_SERVER = 300;

/** JSON, in a fixed order: all instances read what one writes, so it is short. @internal */
export function encodeDescription(given: InstanceDescription): string {
  const { reads, host, pid, startedAt, sockets, users, sequence, lanes, contract } = given;
  const own = lanes.map(({ lane, server, head, last }) => [lane, server, head, last - head]);
  const fields = [reads, host, pid, startedAt, sockets, users, sequence, own];
  return JSON.stringify(contract === undefined ? fields : [...fields, contract]);
}

/**
 * Undefined for a text of another form. A later version may add fields behind the known ones. Never throws.
 *
 * @internal
 */
export function decodeDescription(text: string): InstanceDescription | undefined {
  const [reads, host, ...rest] = listIn(text);
  const [pid, startedAt, sockets, users, sequence, lanes, contract] = rest;
  if (!Array.isArray(reads) || reads.length > MAX_VERSIONS || !reads.every(isCount))
    return undefined;
  if (typeof host !== 'string' || host.length > MAX_HOST) return undefined;
  if (!isCount(pid) || !isCount(startedAt) || !isCount(sockets) || !isCount(users))
    return undefined;
  if (!isCount(sequence) || !Array.isArray(lanes) || lanes.length > MAX_LANES) return undefined;
  const read = lanes.map((each: unknown) => laneIn(each));
  if (!read.every((lane) => lane !== undefined)) return undefined;
  const description = { reads, host, pid, startedAt, sockets, users, sequence, lanes: read };
  return isHash(contract) ? { ...description, contract } : description;
}

function listIn(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

function laneIn(value: unknown): RecordedLane | undefined {
  const [lane, server, head, more]: unknown[] = Array.isArray(value) ? value : [];
  if (!isCount(lane) || typeof server !== 'string' || server.length > MAX_SERVER) return undefined;
  if (!isCount(head) || !isCount(more) || !isCount(head + more)) return undefined;
  return { lane, server, head, last: head + more };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
