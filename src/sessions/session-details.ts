import type { Socket } from 'socket.io';
import { sessionIn } from '../cluster/reserved-rooms.js';
import { metadataOf, type SessionMetadata } from '../sockets/session-metadata.js';
import type { InstanceId } from '../wire/envelope.js';

/** One socket of a session, on any instance. A session may have several: one for each namespace, or tab. */
export interface SessionDetails {
  readonly sessionId: string;
  readonly socketId: string;
  readonly namespace: string;
  /** The instance that it is connected to. */
  readonly instanceId: InstanceId;
  /** ms since 1970, on that instance's clock. */
  readonly connectedAt: number;
  /** As the option `auth.clientAddress` says. */
  readonly address: string;
  readonly userAgent: string | null;
  /** What the client or the app said of it. */
  readonly metadata: SessionMetadata | null;
}

/** Undefined for a socket without a session. @internal */
export function sessionDetailsOf(
  socket: Socket,
  { instanceId, address }: Pick<SessionDetails, 'instanceId' | 'address'>,
): SessionDetails | undefined {
  // The rooms, since `socket.auth` is the app's to change.
  const sessionId = sessionIn(socket.rooms);
  if (sessionId === undefined) return undefined;
  const { headers, issued } = socket.handshake;
  return {
    sessionId,
    socketId: socket.id,
    namespace: socket.nsp.name,
    instanceId,
    connectedAt: issued,
    address,
    userAgent: headers['user-agent'] ?? null,
    metadata: metadataOf(socket),
  };
}
