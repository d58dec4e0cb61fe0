import type { Socket } from 'socket.io';
import { metadataOf, type SessionMetadata } from '../auth/session-metadata.js';
import type { InstanceId } from '../wire/envelope.js';

/** One socket of a session, on any instance. A session may have several: one for each namespace, or tab. */
export interface SessionDetails {
  readonly sessionId: string;
  readonly socketId: string;
  readonly namespace: string;
  /** The instance of the socket. */
  readonly instanceId: InstanceId;
  /** ms since 1970, on the clock of that instance. */
  readonly connectedAt: number;
  /** The address given by the option `auth.clientAddress`. */
  readonly address: string;
  readonly userAgent: string | null;
  /** The metadata from the client or the app. */
  readonly metadata: SessionMetadata | null;
}

/** Longer ones are cut: a client may send 16 KB there. */
const MAX_USER_AGENT = 1_024;

/** Whether a value in the reply of another instance describes a socket of a session. @internal */
export function isSessionDetails(value: unknown): value is SessionDetails {
  const { sessionId, socketId, namespace, instanceId } = (value ?? {}) as Partial<SessionDetails>;
  return [sessionId, socketId, namespace, instanceId].every((name) => typeof name === 'string');
}

/** @internal */
export function sessionDetailsOf(
  socket: Socket,
  { sessionId, instanceId, address }: Pick<SessionDetails, 'sessionId' | 'instanceId' | 'address'>,
): SessionDetails {
  const { issued, userAgent } = ofHandshake(socket);
  return {
    sessionId,
    socketId: socket.id,
    namespace: socket.nsp.name,
    instanceId,
    connectedAt: Number.isFinite(issued) ? (issued as number) : 0,
    address,
    userAgent: typeof userAgent === 'string' ? userAgent.slice(0, MAX_USER_AGENT) : null,
    metadata: metadataOf(socket),
  };
}

/** The app may replace the handshake, also by getters that throw. One socket must not hide the others. */
function ofHandshake(socket: Socket): { readonly issued?: unknown; readonly userAgent?: unknown } {
  try {
    const { headers, issued } = (socket.handshake ?? {}) as Partial<Socket['handshake']>;
    return { issued, userAgent: headers?.['user-agent'] };
  } catch {
    return {};
  }
}
