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
import { readable, unawaited } from '../reporting/unawaited.js';
import type { EventRouter } from '../routing/event-router.js';
import {
  checkedNamespace,
  checkedOptions,
  checkedSessionId,
} from '../routing/target-validation.js';
import { SessionCommands } from './session-commands.js';
import type { SessionDetails } from './session-details.js';

/** Told to clients that are disconnected because they were revoked, where the app gives no other reason. */
const REVOKED = 'auth.revoked';

export interface RevokeOptions {
  /**
   * Told to the clients before they are disconnected, as event `propagator:disconnect` with `{ reason }`.
   * @default 'auth.revoked'
   */
  reason?: string | undefined;
}

export interface RevokeUserOptions extends RevokeOptions {
  /** A session that lives on: the one that asked for it, say. */
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
 * The sessions of users on all instances, and their end. A session is what `socket.auth.sessionId` names: that of the
 * token, or a connection with its sockets in all namespaces.
 *
 * Instances that do not answer are named in the results (`missing`): nothing is revoked on them. Methods reject with
 * `target.invalid` and `event.too-large` only, and with nothing done then. A promise may be left unawaited.
 */
export class SessionService {
  /** @internal */
  constructor(
    private readonly commands: SessionCommands,
    private readonly maxMetadataBytes: number,
    private readonly reporter: Reporter,
  ) {}

  /** The connected sockets of a user with the sessions that they belong to. Credentials are not among it. */
  sessions(userId: UserId, options?: SessionsOptions): Promise<ClusterResult<SessionDetails>> {
    return unawaited(this.reporter, () => {
      const { namespace } = checkedOptions(options);
      return this.commands.list({
        userId: checkedUserId(userId),
        ...(namespace !== undefined && { namespace: checkedNamespace(namespace) }),
      });
    });
  }

  /**
   * Ends all sessions of a user, in all namespaces: the sockets are told the reason and disconnected, clients that are
   * being let in at this moment are refused, and so are all others for `auth.revocationMs`, but for tokens that were
   * issued later (claim `iat`). After that `authenticate` alone decides: it has to know that the tokens are worth
   * nothing.
   *
   * @returns how many sockets were disconnected
   */
  revokeUser(userId: UserId, options?: RevokeUserOptions): Promise<ClusterCount> {
    return unawaited(this.reporter, () => {
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

  /** Ends one session, whoever it belongs to, as {@link revokeUser} does it with all of a user. */
  revokeSession(sessionId: string, options?: RevokeOptions): Promise<ClusterCount> {
    return unawaited(this.reporter, () => {
      const { reason = REVOKED } = checkedOptions(options);
      return this.commands.revoke({
        revoked: { sessionId: checkedSessionId('sessionId', sessionId) },
        reason: checkedReason(reason),
      });
    });
  }

  /**
   * Says something of a socket of this instance, in place of what was said before; `null`: nothing. Clients do so with
   * `auth: { token, metadata }`.
   *
   * @throws PropagatorError `session.metadata-invalid`, `target.invalid`
   */
  setMetadata(socket: Socket, metadata: Readonly<Record<string, unknown>> | null): void {
    readable(() => storeMetadata(checkedSocket(socket), this.checked(metadata)));
  }

  /**
   * The same for all sockets of a session, on all instances and in all namespaces. Also rejects with
   * `session.metadata-invalid`.
   *
   * @returns how many sockets there are
   */
  setSessionMetadata(
    sessionId: string,
    metadata: Readonly<Record<string, unknown>> | null,
  ): Promise<ClusterCount> {
    return unawaited(this.reporter, () =>
      this.commands.setMetadata({
        sessionId: checkedSessionId('sessionId', sessionId),
        metadata: this.checked(metadata),
      }),
    );
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

interface SessionDeps {
  readonly requests: ClusterRequests;
  readonly router: EventRouter;
  readonly revocations: Revocations;
  readonly reporter: Reporter;
}

/** @internal */
export function createSessions(
  { auth, requestTimeoutMs }: Pick<ResolvedOptions, 'auth' | 'requestTimeoutMs'>,
  { requests, router, revocations, reporter }: SessionDeps,
): SessionService {
  // Without authentication, as in a worker, the instances that have the sockets say how much is too much.
  const maxMetadataBytes = auth?.maxMetadataBytes ?? MAX_METADATA_BYTES;
  const commands = new SessionCommands(requests, {
    instanceId: router.instanceId,
    timeoutMs: requestTimeoutMs,
    auth,
    maxMetadataBytes,
    revocations,
    reporter,
    namespaces: (name) =>
      name === undefined ? router.allNamespaces() : router.namespacesNamed(name),
  });
  return new SessionService(commands, maxMetadataBytes, reporter);
}
