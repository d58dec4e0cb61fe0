import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Socket } from 'socket.io';
import { reasonOf } from '../../errors.js';
import type { Reporter } from '../../reporting/reporter.js';
import { checkName } from '../../routing/target-validation.js';
import {
  collect,
  sum,
  type ClusterCount,
  type ClusterResult,
} from '../../cluster/cluster-result.js';
import type { ClusterRequests } from '../../cluster/cluster-requests.js';
import { disconnectSockets, type EndOptions } from '../connections/disconnect-sockets.js';
import type { LocalNamespace } from '../../routing/local-namespace.js';
import {
  detailsOf,
  isSocketDetails,
  type DescribingInstance,
  type SocketDetails,
} from './socket-details.js';
import { namesIn, selectorIn, type SocketSelector } from '../../routing/socket-selector.js';

/** @internal */
export interface DisconnectOptions extends EndOptions {
  readonly close: boolean;
}

interface SocketCommandsDeps extends DescribingInstance {
  readonly timeoutMs: number;
  readonly nameBytes: number;
  namespaces(name: string): Iterable<LocalNamespace>;
  /** Called when sockets of other instances are about to join rooms. */
  joining(namespace: string, rooms: readonly string[], joined: Promise<unknown>): void;
}

/** Most sockets described and sent in one turn of the event loop. */
const MAX_SOCKETS_PER_TURN = 250;
/** Most socket ids or rooms sent in one turn of the event loop. */
const MAX_NAMES_PER_TURN = 2_500;

const isText = (item: unknown): boolean => typeof item === 'string';

type Local<T> = (params: unknown) => T | Promise<T>;

/**
 * Commands and queries about sockets on all instances: each one runs here and, by request, on all other instances.
 *
 * @internal
 */
export class SocketCommands {
  private readonly locals = {
    ids: (params: unknown) => this.select(params).map(({ id }) => id),
    rooms: (params: unknown) => this.inNamespaces(params, (local) => local.roomNames()).flat(),
    join: async (params: unknown) => {
      const rooms = namesIn(params, 'targets');
      const sockets = await this.each(params, (socket) => socket.join(rooms));
      return sockets.filter((socket) => isInAll(socket, rooms)).length;
    },
    leave: async (params: unknown) => {
      const rooms = namesIn(params, 'targets');
      const sockets = await this.each(params, (socket) => {
        for (const room of rooms) void socket.leave(room);
      });
      this.inNamespaces(params, (local, selector) => local.leaveAway(selector, rooms));
      return sockets.length;
    },
    disconnect: (params: unknown) => {
      const { close, reason } = params as Partial<DisconnectOptions>;
      const sockets = this.selectWithArriving(params);
      const text = typeof reason === 'string' ? reason : undefined;
      disconnectSockets(sockets, { close: close === true, reason: text }, this.reporter);
      this.inNamespaces(params, (local, selector) => local.endAway(selector));
      return sockets.length;
    },
  };

  constructor(
    private readonly requests: ClusterRequests,
    private readonly deps: SocketCommandsDeps,
    private readonly reporter: Reporter,
  ) {
    const { ids, rooms, ...others } = this.locals;
    for (const [name, local] of Object.entries(others) as [string, Local<unknown>][]) {
      requests.handle(name, local);
    }
    for (const [name, local] of Object.entries({ ids, rooms })) {
      requests.handle(name, (params, { push: emit }) =>
        inTurns(local(params), MAX_NAMES_PER_TURN, (names) => names, whileWanted(emit)),
      );
    }
    requests.handle('fetch', (params, { push: emit }) =>
      this.describeHere(params, whileWanted(emit)),
    );
  }

  /** The selected sockets: local ones as sockets, remote ones as details. */
  async fetch(
    selector: SocketSelector,
  ): Promise<{ local: Socket[] } & ClusterResult<SocketDetails>> {
    const local = this.select(selector);
    return { local, ...(await this.collect<SocketDetails>('fetch', selector, isSocketDetails)) };
  }

  /** Details of the selected sockets of all instances. */
  async describe(selector: SocketSelector): Promise<ClusterResult<SocketDetails>> {
    const remote = this.collect<SocketDetails>('fetch', selector, isSocketDetails);
    const local: SocketDetails[] = [];
    const take = (part: SocketDetails[]): boolean => local.push(...part) > 0;
    local.push(...(await this.describeHere(selector, take)));
    const { items, missing, complete } = await remote;
    return { items: [...local, ...items], missing, complete };
  }

  async ids(selector: SocketSelector): Promise<ClusterResult<string>> {
    const local = this.locals.ids(selector);
    const remote = await this.collect<string>('ids', selector, isText);
    return { ...remote, items: [...new Set([...local, ...remote.items])] };
  }

  async rooms(namespace: string): Promise<ClusterResult<string>> {
    const params = { namespace, rooms: [], except: [] };
    const local = this.locals.rooms(params);
    const remote = await this.collect<string>('rooms', params, isText);
    return { ...remote, items: [...new Set([...local, ...remote.items])] };
  }

  /**
   * Events for the rooms that are sent after this call reach the sockets, also before it resolves. Counts sockets that
   * are in all of the rooms then, not those that were kept out of one.
   *
   * @param localAnyway whether the sockets of this instance join even if the other instances cannot be asked
   * @throws PropagatorError `name.too-long`, `event.too-large`, as a rejection
   */
  join(
    selector: SocketSelector,
    targets: readonly string[],
    localAnyway = false,
  ): Promise<ClusterCount> {
    try {
      for (const room of targets) checkName('room', room, this.deps.nameBytes);
    } catch (error) {
      return Promise.reject(error);
    }
    const joined = this.count('join', { ...selector, targets }, localAnyway);
    this.deps.joining(selector.namespace, targets, joined);
    return joined;
  }

  /** As {@link join}; counts all selected sockets. */
  leave(
    selector: SocketSelector,
    targets: readonly string[],
    localAnyway = false,
  ): Promise<ClusterCount> {
    return this.count('leave', { ...selector, targets }, localAnyway);
  }

  /** As {@link leave}. */
  disconnect(
    selector: SocketSelector,
    options: DisconnectOptions,
    localAnyway = false,
  ): Promise<ClusterCount> {
    return this.count('disconnect', { ...selector, ...options }, localAnyway);
  }

  /**
   * Describes the sockets of this instance, a bounded number in each turn of the event loop. Skips sockets that leave
   * meanwhile.
   *
   * @param take gets all parts but the last; returns whether to go on
   * @returns the last part
   */
  private describeHere(
    params: unknown,
    take: (part: SocketDetails[]) => boolean,
  ): Promise<SocketDetails[]> {
    let isFirst = true;
    const described = (sockets: Socket[]): SocketDetails[] => {
      const connected = isFirst ? sockets : sockets.filter((socket) => socket.connected);
      isFirst = false;
      return connected.map((socket) => detailsOf(socket, this.deps, this.reporter));
    };
    return inTurns(this.select(params), MAX_SOCKETS_PER_TURN, described, take);
  }

  private select(params: unknown): Socket[] {
    return this.inNamespaces(params, (local, selector) => local.select(selector)).flat();
  }

  /** Includes sockets that are being admitted: a command applies to them as to connected ones. */
  private selectWithArriving(params: unknown): Socket[] {
    return this.inNamespaces(params, (local, selector) =>
      local.selectWithArriving(selector),
    ).flat();
  }

  /** Calls `act` with each namespace of this instance that a request is for. */
  private inNamespaces<T>(
    params: unknown,
    act: (local: LocalNamespace, selector: SocketSelector) => T,
  ): T[] {
    const selector = selectorIn(params);
    return [...this.deps.namespaces(selector.namespace)].map((local) => act(local, selector));
  }

  /** Calls `act` with each socket; resolves to the sockets. A listener that throws does not keep it from the other sockets. */
  private async each(params: unknown, act: (socket: Socket) => unknown): Promise<Socket[]> {
    const sockets = this.selectWithArriving(params);
    await Promise.all(
      sockets.map(async (socket) => {
        try {
          await act(socket);
        } catch (error) {
          this.reporter.report('listener.failed', () => `socket ${socket.id}: ${reasonOf(error)}`);
        }
      }),
    );
    return sockets;
  }

  private collect<T>(
    operation: string,
    params: unknown,
    isItem: (item: unknown) => boolean,
  ): Promise<ClusterResult<T>> {
    return collect<T>(this.requests, this.question(operation, params), isItem);
  }

  private async count(
    operation: 'join' | 'leave' | 'disconnect',
    params: unknown,
    localAnyway: boolean,
  ): Promise<ClusterCount> {
    const local: Local<number> = this.locals[operation];
    let remote: ReturnType<typeof sum>;
    try {
      remote = sum(this.requests, this.question(operation, params));
    } catch (error) {
      if (localAnyway) await local(params);
      throw error;
    }
    const localCount = await local(params);
    const { count, missing, complete } = await remote;
    return { count: localCount + count, missing, complete };
  }

  private question(operation: string, params: unknown) {
    return { operation, params, timeoutMs: this.deps.timeoutMs };
  }
}

/**
 * Goes through a list in parts, one in each turn of the event loop.
 *
 * @param take gets all parts but the last; returns whether to go on
 * @returns the last part
 */
async function inTurns<S, T>(
  all: readonly S[],
  perTurn: number,
  made: (some: S[]) => T[],
  take: (part: T[]) => boolean,
): Promise<T[]> {
  for (let from = 0; ; from += perTurn) {
    const part = made(all.slice(from, from + perTurn));
    if (from + perTurn >= all.length) return part;
    if (!take(part)) return [];
    await nextTurn();
  }
}

/** Sends parts of a reply until the requesting instance has gone. */
function whileWanted(emit: (part: unknown) => Promise<boolean>): (part: unknown[]) => boolean {
  let isWanted = true;
  return (part) => {
    void emit(part).then((isThere) => {
      isWanted &&= isThere;
    });
    return isWanted;
  };
}

function isInAll({ id, nsp }: Socket, rooms: readonly string[]): boolean {
  return rooms.every((room) => nsp.adapter.rooms.get(room)?.has(id) === true);
}
