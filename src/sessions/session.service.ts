import type { DisconnectReason } from '../auth/disconnect-notice.js';
import type { Socket } from 'socket.io';
import { isSocket } from '../auth/authenticated-socket.js';
import type { Revocations } from '../auth/revocations.js';
import { checkedMetadata, storeMetadata, type SessionMetadata } from '../auth/session-metadata.js';
import { checkedUserId, type UserId } from '../auth/user-id.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import { MAX_METADATA_BYTES } from '../options/resolve-auth.js';
import type { ResolvedOptions } from '../options/resolve-options.js';
import type { Reporter } from '../reporting/reporter.js';
import { readable, rejecting, unawaited } from '../reporting/unawaited.js';
import type { EventRouter } from '../routing/event-router.js';
import {
  checkedNamespace,
  checkedOptions,
  checkedSessionId,
} from '../routing/target-validation.js';
import { SessionCommands, type SessionCommandsDeps } from './session-commands.js';
import type { SessionDetails } from './session-details.js';

/**
 * The reason that clients get when they are disconnected because they were revoked, unless the app gives another
 * one.
 */
const REVOKED = 'auth.revoked' satisfies DisconnectReason;

export interface RevokeOptions {
  /**
   * The reason that clients get before they are disconnected, in the event `propagator:disconnect` with
   * `{ reason }`.
   * @default 'auth.revoked'
   */
  reason?: string | undefined;
}

export interface RevokeUserOptions extends RevokeOptions {
  /** A session that is kept, such as the one that made the request. */
  exceptSessionId?: string | undefined;
}

export interface SessionsOptions {
  /**
   * Only sockets of this namespace.
   * @default all namespaces
   */
  namespace?: string | undefined;
}

/**
 * Lists, ends and describes the sessions of users on all instances. A session has the id in
 * `socket.auth.sessionId`: that of the token, or of a connection with its sockets in all namespaces.
 *
 * The results name the instances that do not reply (`missing`): nothing is revoked on them. Methods reject only
 * with `target.invalid` and `event.too-large`, and have done nothing then. A promise may be ignored.
 */
export class SessionService {
  /** @internal */
  constructor(
    private readonly commands: SessionCommands,
    private readonly maxMetadataBytes: number,
    private readonly reporter: Reporter,
  ) {}

  /** The connected sockets of a user with their sessions, without credentials. */
  sessions(userId: UserId, options?: SessionsOptions): Promise<ClusterResult<SessionDetails>> {
    return this.perform(() => {
      const { namespace } = checkedOptions(options);
      return this.commands.list({
        userId: checkedUserId(userId),
        ...(namespace !== undefined && { namespace: checkedNamespace(namespace) }),
      });
    });
  }

  /**
   * Ends all sessions of a user, in all namespaces. The sockets get the reason and are disconnected, and clients
   * that are connecting at this moment are refused. For `auth.revocationMs` all further connections are refused,
   * except those with tokens that were issued later (claim `iat`). After that `authenticate` alone decides: it has
   * to refuse the revoked tokens.
   *
   * @returns how many sockets were disconnected
   */
  revokeUser(userId: UserId, options?: RevokeUserOptions): Promise<ClusterCount> {
    return this.perform(() => {
      const { reason = REVOKED, exceptSessionId } = checkedOptions(options);
      const spared =
        exceptSessionId === undefined
          ? {}
          : { exceptSessionId: checkedSessionId('exceptSessionId', exceptSessionId) };
      return this.commands.revoke({
        revoked: { userId: checkedUserId(userId), ...spared },
        reason: checkedReason(reason),
      });
    });
  }

  /** Ends one session, whichever user it belongs to, in the same way as {@link revokeUser}. */
  revokeSession(sessionId: string, options?: RevokeOptions): Promise<ClusterCount> {
    return this.perform(() => {
      const { reason = REVOKED } = checkedOptions(options);
      return this.commands.revoke({
        revoked: { sessionId: checkedSessionId('sessionId', sessionId) },
        reason: checkedReason(reason),
      });
    });
  }

  /**
   * Sets the metadata of the session of a socket on this instance, replacing the previous one; `null` removes it.
   * Clients send theirs with `auth: { token, metadata }`.
   *
   * @throws PropagatorError `session.metadata-invalid`, `target.invalid`
   */
  setMetadata(socket: Socket, metadata: Readonly<Record<string, unknown>> | null): void {
    readable(() => storeMetadata(checkedSocket(socket), this.checked(metadata)));
  }

  /**
   * Sets the metadata for all sockets of a session, on all instances and in all namespaces. Also rejects with
   * `session.metadata-invalid`.
   *
   * @returns the number of sockets
   */
  setSessionMetadata(
    sessionId: string,
    metadata: Readonly<Record<string, unknown>> | null,
  ): Promise<ClusterCount> {
    return this.perform(() =>
      this.commands.setMetadata({
        sessionId: checkedSessionId('sessionId', sessionId),
        metadata: this.checked(metadata),
      }),
    );
  }

  private perform<R>(work: () => Promise<R>): Promise<R> {
    return unawaited(this.reporter, rejecting(work));
  }

  private checked(given: Readonly<Record<string, unknown>> | null): SessionMetadata | null {
    if (given === null) return null;
    const metadata = checkedMetadata(given, this.maxMetadataBytes);
    if (typeof metadata !== 'string') return metadata;
    throw PropagatorError.of('session.metadata-invalid', [metadata]);
  }
}

function checkedSocket(given: Socket): Socket {
  if (isSocket(given)) return given;
  throw PropagatorError.of('target.invalid', [
    'socket',
    shown(given),
    'Pass a socket of this instance.',
  ]);
}

function checkedReason(given: unknown): string {
  if (typeof given === 'string') return given;
  throw PropagatorError.of('target.invalid', ['reason', shown(given), 'Pass a string.']);
}

interface SessionDeps extends Pick<SessionCommandsDeps, 'forget'> {
  readonly requests: ClusterRequests;
  readonly router: EventRouter;
  readonly revocations: Revocations;
  readonly reporter: Reporter;
}

/** @internal */
export function createSessions(
  { auth, requestTimeoutMs }: Pick<ResolvedOptions, 'auth' | 'requestTimeoutMs'>,
  { requests, router, revocations, reporter, forget }: SessionDeps,
): SessionService {
  // Without authentication, as in a worker, the instances that have the sockets enforce the limit.
  const maxMetadataBytes = auth?.maxMetadataBytes ?? MAX_METADATA_BYTES;
  const commands = new SessionCommands(requests, {
    instanceId: router.instanceId,
    timeoutMs: requestTimeoutMs,
    auth,
    maxMetadataBytes,
    revocations,
    reporter,
    forget,
    namespaces: (name) =>
      name === undefined ? router.namespaces.all() : router.namespaces.named(name),
  });
  return new SessionService(commands, maxMetadataBytes, reporter);
}
