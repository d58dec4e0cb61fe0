import type { Revoked } from '../auth/revocations.js';
import { normalisedSessionId } from '../auth/session-id.js';
import { normalisedUserId } from '../auth/user-id.js';

/** The requested sessions: those of a user, in one namespace or in all. @internal */
export interface SessionsRequest {
  readonly userId: string;
  readonly namespace?: string | undefined;
}

/** @internal */
export interface RevokeRequest {
  readonly revoked: Revoked;
  readonly reason: string;
}

/** @internal */
export interface MetadataRequest {
  readonly sessionId: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

type Given = Readonly<Record<string, unknown>>;

/** The request in the parameters of another instance. @throws TypeError @internal */
export function sessionsRequestIn(params: unknown): SessionsRequest {
  const { userId, namespace } = params as Given;
  const known = normalisedUserId(userId);
  if (known === undefined) throw new TypeError('"userId" is not a user id');
  if (namespace !== undefined && typeof namespace !== 'string') {
    throw new TypeError('"namespace" is not a string');
  }
  return { userId: known, namespace };
}

/** The request in the parameters of another instance. @throws TypeError @internal */
export function revokeRequestIn(params: unknown): RevokeRequest {
  const { revoked, reason } = params as Given;
  if (typeof reason !== 'string') throw new TypeError('"reason" is not a string');
  return { revoked: revokedIn(revoked as Given), reason };
}

/** The request in the parameters of another instance. @throws TypeError @internal */
export function metadataRequestIn(params: unknown): MetadataRequest {
  const { sessionId, metadata } = params as Given;
  if (typeof metadata !== 'object') throw new TypeError('"metadata" is not an object');
  return { sessionId: sessionIdIn(sessionId), metadata: metadata as Given | null };
}

function revokedIn({ userId, sessionId, exceptSessionId }: Given): Revoked {
  if (userId === undefined) return { sessionId: sessionIdIn(sessionId) };
  const known = normalisedUserId(userId);
  if (known === undefined) throw new TypeError('"userId" is not a user id');
  return exceptSessionId === undefined
    ? { userId: known }
    : { userId: known, exceptSessionId: sessionIdIn(exceptSessionId) };
}

function sessionIdIn(given: unknown): string {
  const sessionId = normalisedSessionId(given);
  if (sessionId !== undefined) return sessionId;
  throw new TypeError('"sessionId" is not a session id');
}
