import type { DisconnectReason } from '../auth/disconnect-notice.js';
import type { Socket } from 'socket.io';
import type { ClusterRequests } from '../cluster/cluster-requests.js';
import { disconnectSockets } from '../socket-io/connections/disconnect-sockets.js';
import { reasonOf } from '../errors.js';
import type { AuthenticatedIdentity } from '../options/auth-options.js';
import type { ResolvedAuthOptions } from '../options/resolve-auth.js';
import type { Reporter } from '../reporting/reporter.js';
import { AuthRefusal, randomRetryMs } from '../auth/auth-refusal.js';
import type { SocketGate } from '../auth/authentication.js';
import { bucketOf } from './store/presence-buckets.js';
import type { Lease, LimitPolicy, PresenceStore, SocketAdmission } from './store/presence-store.js';

const TOO_MANY = 'auth.too-many-sockets' satisfies DisconnectReason;
const EVICT = 'evict';
/** The number of concurrent calls of the store while it catches up. */
const MAX_AT_ONCE = 100;

interface Counted {
  readonly userId: string;
  readonly socket: Socket;
  /** Whether the store counts the socket. `asking`: the call is in flight. `perhaps`: its reply was lost. */
  standing: 'asking' | 'yes' | 'no' | 'perhaps';
}

type LimitOptions = Pick<ResolvedAuthOptions, 'onTooManySockets'> & {
  readonly maxSocketsPerUser: number;
};

interface SocketLimitDeps {
  readonly store: PresenceStore;
  readonly requests: ClusterRequests;
  readonly reporter: Reporter;
  /** The current lease; undefined while there is none. */
  lease(): Lease | undefined;
}

/**
 * Limits the sockets of a user in the whole cluster. The presence store counts them, so that sockets that connect to
 * several instances at once are counted one after the other. During an outage of Redis each instance counts its own
 * sockets.
 *
 * @internal
 */
export class SocketLimit implements SocketGate {
  private readonly counted = new Map<string, Counted>();
  /** The ids of each user's sockets in {@link counted}, oldest first. */
  private readonly byUser = new Map<string, Set<string>>();
  /** Closed sockets that the store may still count, with their users. */
  private readonly unreleased = new Map<string, string>();
  private catchingUp = false;

  constructor(
    private readonly options: LimitOptions,
    private readonly deps: SocketLimitDeps,
  ) {
    deps.requests.handle(EVICT, (params) => this.evict(idsIn(params)));
  }

  async admit(socket: Socket, { userId }: AuthenticatedIdentity): Promise<AuthRefusal | undefined> {
    const counted: Counted = { userId, socket, standing: 'asking' };
    this.enter(counted);
    const { admission, standing } = await this.ask(counted, this.options.onTooManySockets);
    counted.standing = standing;
    const { admitted, evicted } = admission ?? this.countHere(userId, socket.id);
    if (this.counted.get(socket.id) !== counted) {
      // Disconnected during the call, which may have counted the socket after its release.
      this.release(counted);
    } else if (!admitted) {
      this.leave(counted);
      this.release(counted);
      this.deps.reporter.report(TOO_MANY, () => `user ${JSON.stringify(userId)}`);
      return new AuthRefusal(TOO_MANY, { retryAfterMs: randomRetryMs() });
    }
    const elsewhere = evicted.filter((id) => !this.counted.has(id));
    if (elsewhere.length > 0) this.deps.requests.notify(EVICT, { ids: elsewhere });
    this.evict(evicted);
    return undefined;
  }

  left(socketId: string): void {
    const counted = this.counted.get(socketId);
    if (counted === undefined) return;
    this.leave(counted);
    this.release(counted);
  }

  /** The store may have lost its counted sockets. */
  forgotten(): void {
    for (const counted of this.counted.values()) {
      if (counted.standing === 'yes') counted.standing = 'perhaps';
    }
  }

  /** Repeats calls of the store that failed. */
  async catchUp(): Promise<void> {
    if (this.catchingUp) return;
    this.catchingUp = true;
    const tasks = [
      ...[...this.unreleased].map((socket) => () => this.releaseNow(...socket)),
      ...[...this.counted.values()]
        .filter(({ standing }) => standing === 'no' || standing === 'perhaps')
        .map((counted) => () => this.recount(counted)),
    ].values();
    const work = async (): Promise<void> => {
      for (const task of tasks) await task();
    };
    try {
      await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
    } finally {
      this.catchingUp = false;
    }
  }

  private async recount(counted: Counted): Promise<void> {
    const isHere = (): boolean => this.counted.get(counted.socket.id) === counted;
    if (!isHere()) return;
    counted.standing = 'asking';
    const { standing } = await this.ask(counted, 'count-only');
    // An earlier call without a reply may have counted the socket.
    counted.standing = standing === 'no' ? 'perhaps' : standing;
    if (!isHere()) this.release(counted);
  }

  /** Asks the store. There is no `admission` if the store does not reply, or if this instance has no lease. */
  private async ask(
    { userId, socket }: Counted,
    policy: LimitPolicy,
  ): Promise<{ admission?: SocketAdmission; standing: Counted['standing'] }> {
    const { store, reporter } = this.deps;
    const lease = this.deps.lease();
    try {
      const asked = { userId, socketId: socket.id, limit: this.options.maxSocketsPerUser, policy };
      const admission = lease && (await store.admitSocket(bucketOf(userId), lease, asked));
      if (admission !== undefined) {
        return { admission, standing: admission.admitted ? 'yes' : 'no' };
      }
      reporter.count('limit.unchecked');
      return { standing: 'no' };
    } catch (error) {
      reporter.report('limit.unchecked', () => reasonOf(error));
      return { standing: 'perhaps' };
    }
  }

  private countHere(userId: string, socketId: string): SocketAdmission {
    const sockets = this.byUser.get(userId) ?? new Set();
    const others = sockets.size - (sockets.has(socketId) ? 1 : 0);
    const tooMany = others + 1 - this.options.maxSocketsPerUser;
    if (tooMany <= 0) return { admitted: true, evicted: [] };
    return this.options.onTooManySockets === 'reject-new'
      ? { admitted: false, evicted: [] }
      : { admitted: true, evicted: [...sockets].filter((id) => id !== socketId).slice(0, tooMany) };
  }

  private enter(counted: Counted): void {
    const { userId, socket } = counted;
    const before = this.counted.get(socket.id);
    if (before !== undefined) this.leave(before);
    this.counted.set(socket.id, counted);
    const sockets = this.byUser.get(userId);
    if (sockets === undefined) this.byUser.set(userId, new Set([socket.id]));
    else sockets.add(socket.id);
  }

  private leave({ userId, socket }: Counted): void {
    this.counted.delete(socket.id);
    const sockets = this.byUser.get(userId);
    if (sockets?.delete(socket.id) === true && sockets.size === 0) this.byUser.delete(userId);
  }

  private evict(socketIds: readonly string[]): void {
    const sockets = socketIds.flatMap((id) => this.counted.get(id)?.socket ?? []);
    disconnectSockets(sockets, { close: false, reason: TOO_MANY }, this.deps.reporter);
  }

  private release({ userId, socket, standing }: Counted): void {
    if (standing === 'no') return;
    this.unreleased.set(socket.id, userId);
    void this.releaseNow(socket.id, userId);
  }

  private async releaseNow(socketId: string, userId: string): Promise<void> {
    const lease = this.deps.lease();
    if (lease === undefined) return;
    try {
      await this.deps.store.releaseSocket(bucketOf(userId), lease, { userId, socketId });
      this.unreleased.delete(socketId);
    } catch {
      this.deps.reporter.count('limit.unreleased');
    }
  }
}

function idsIn(params: unknown): string[] {
  const { ids } = (params ?? {}) as { ids?: unknown };
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
}
