import type { Socket } from 'socket.io';
import { collect, sum, type ClusterCount, type ClusterResult } from '../cluster/cluster-result.js';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import { disconnectSockets } from '../socket-io/connections/disconnect-sockets.js';
import type { LocalNamespace } from '../routing/local-namespace.js';
import { sessionRoom, userRoom } from '../routing/reserved-rooms.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { clientAddressOf } from '../auth/client-address.js';
import type { Revocations, Revoked } from '../auth/revocations.js';
import { checkedMetadata, storeMetadata, type SessionMetadata } from '../auth/session-metadata.js';
import type { InstanceId } from '../wire/envelope.js';
import { isSessionDetails, sessionDetailsOf, type SessionDetails } from './session-details.js';
import {
  metadataRequestIn,
  revokeRequestIn,
  sessionsRequestIn,
  type MetadataRequest,
  type RevokeRequest,
  type SessionsRequest,
} from './session-requests.js';

/** @internal */
export interface SessionCommandsDeps {
  readonly instanceId: InstanceId;
  readonly timeoutMs: number;
  readonly auth: ResolvedAuthOptions | undefined;
  readonly maxMetadataBytes: number;
  readonly revocations: Revocations;
  readonly reporter: Reporter;
  /** Ends the sessions that connection recovery keeps for clients that are away. */
  readonly forget: (revoked: Revoked) => void;
  /** Servers of this instance: those with this namespace, or all. */
  namespaces(name: string | undefined): Iterable<LocalNamespace>;
}

const NOBODY: readonly string[] = Object.freeze([]);

/**
 * The session commands for all instances: each command runs here and, by request, on all others.
 *
 * @internal
 */
export class SessionCommands {
  constructor(
    private readonly requests: ClusterRequests,
    private readonly deps: SessionCommandsDeps,
  ) {
    requests.handle('sessions', (params) => this.listHere(sessionsRequestIn(params)));
    requests.handle('revoke', (params) => this.revokeHere(revokeRequestIn(params)));
    requests.handle('session-metadata', (params) =>
      this.setMetadataHere(metadataRequestIn(params)),
    );
  }

  async list(request: SessionsRequest): Promise<ClusterResult<SessionDetails>> {
    const { timeoutMs } = this.deps;
    const question = { operation: 'sessions', params: request, timeoutMs };
    const remote = collect<SessionDetails>(this.requests, question, isSessionDetails);
    const local = this.listHere(request);
    const { items, missing, complete } = await remote;
    return { items: [...local, ...items], missing, complete };
  }

  revoke(request: RevokeRequest): Promise<ClusterCount> {
    return this.runEverywhere('revoke', request, () => this.revokeHere(request));
  }

  setMetadata(request: MetadataRequest): Promise<ClusterCount> {
    return this.runEverywhere('session-metadata', request, () => this.setMetadataHere(request));
  }

  private listHere({ userId, namespace }: SessionsRequest): SessionDetails[] {
    const { instanceId, auth, reporter } = this.deps;
    const selection = { rooms: [userRoom(userId)], except: NOBODY };
    return [...this.deps.namespaces(namespace)].flatMap((local) =>
      local.select({ namespace: local.name, ...selection }).flatMap((socket) => {
        // Not `socket.auth`, which the app may change.
        const sessionId = local.identityOf(socket.id)?.sessionId;
        if (sessionId === undefined) return [];
        const address = clientAddressOf(socket, auth, reporter);
        return [sessionDetailsOf(socket, { sessionId, instanceId, address })];
      }),
    );
  }

  private revokeHere({ revoked, reason }: RevokeRequest): number {
    // Before the disconnects: a disconnected client could reconnect before its revocation is known.
    this.deps.revocations.add(revoked);
    this.deps.forget(revoked);
    const sockets =
      'userId' in revoked
        ? this.socketsOf(userRoom(revoked.userId), revoked.exceptSessionId)
        : this.socketsOf(sessionRoom(revoked.sessionId));
    disconnectSockets(sockets, { close: 'unused', reason }, this.deps.reporter);
    return sockets.length;
  }

  private setMetadataHere({ sessionId, metadata }: MetadataRequest): number {
    const kept: SessionMetadata | string | null =
      metadata && checkedMetadata(metadata, this.deps.maxMetadataBytes);
    // Another instance may have other options.
    if (typeof kept === 'string') throw new TypeError(`"metadata" of a session: ${kept}`);
    const sockets = this.socketsOf(sessionRoom(sessionId));
    for (const socket of sockets) storeMetadata(socket, kept);
    return sockets.length;
  }

  /** In all namespaces, including sockets that are still connecting. */
  private socketsOf(room: string, exceptSessionId?: string): Socket[] {
    const except = exceptSessionId === undefined ? NOBODY : [sessionRoom(exceptSessionId)];
    return [...this.deps.namespaces(undefined)].flatMap((local) =>
      local.selectWithArriving({ namespace: local.name, rooms: [room], except }),
    );
  }

  private async runEverywhere(
    operation: string,
    params: unknown,
    local: () => number,
  ): Promise<ClusterCount> {
    const { timeoutMs } = this.deps;
    const remote = sum(this.requests, { operation, params, timeoutMs });
    const localCount = local();
    const { count, missing, complete } = await remote;
    return { count: localCount + count, missing, complete };
  }
}
