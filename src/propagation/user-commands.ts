import type { AckRequests } from '../cluster/ack-requests.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import { userRoom } from '../cluster/reserved-rooms.js';
import type { SocketCommands } from '../cluster/socket-commands.js';
import type { SocketDetails } from '../cluster/socket-details.js';
import type { SocketSelector } from '../cluster/socket-selector.js';
import {
  checkedNamespace,
  checkedRooms,
  checkedSocketIds,
  checkedTimeout,
  checkedUserId,
  checkEventName,
} from './check-event.js';
import type { UserId, UserRequest } from './events.js';
import type { DeviceAnswer, UserAnswers } from './user-answers.js';

export interface InNamespace {
  /** @default '/' */
  namespace?: string;
}

export interface DisconnectUserOptions extends InNamespace {
  /** Told to the client before, as event `propagator:disconnect` with `{ reason }`. */
  reason?: string;
  /** A socket that stays connected: the one that asked for it, say. */
  exceptSocketId?: string;
  /**
   * Also close the underlying connection, with all its namespaces.
   * @default false
   */
  close?: boolean;
}

/**
 * What the propagator does to a user's sockets on all instances.
 *
 * @internal
 */
export class UserCommands {
  constructor(
    private readonly commands: SocketCommands,
    private readonly acks: AckRequests,
    private readonly ackTimeoutMs: number,
  ) {}

  async request<R>(request: UserRequest): Promise<UserAnswers<R>> {
    checkEventName(request.event);
    const { event, data, exceptSocketId } = request;
    const items: DeviceAnswer<R>[] = [];
    const unanswered = new Set<string>();
    const { missing, complete } = await this.acks.ask(
      {
        ...selectorOf(request.userId, request.namespace, exceptSocketId),
        data: data === undefined ? [event] : [event, data],
        volatile: false,
        compress: true,
        timeoutMs: checkedTimeout(request.timeoutMs, this.ackTimeoutMs),
      },
      {
        onAsked: (_, socketIds) => {
          for (const socketId of socketIds) unanswered.add(socketId);
        },
        onAnswer: (instanceId, socketId, answer) => {
          unanswered.delete(socketId);
          items.push({ socketId, instanceId, answer: answer as R });
        },
      },
    );
    return { items, unanswered: [...unanswered], missing, complete };
  }

  async fetch(userId: UserId, options: InNamespace = {}): Promise<ClusterResult<SocketDetails>> {
    return this.commands.describe(selectorOf(userId, options.namespace));
  }

  async join(userId: UserId, rooms: unknown, options: InNamespace = {}): Promise<ClusterCount> {
    return this.commands.join(selectorOf(userId, options.namespace), checkedRooms(rooms));
  }

  async leave(userId: UserId, rooms: unknown, options: InNamespace = {}): Promise<ClusterCount> {
    return this.commands.leave(selectorOf(userId, options.namespace), checkedRooms(rooms));
  }

  async disconnect(userId: UserId, options: DisconnectUserOptions = {}): Promise<ClusterCount> {
    const { namespace, exceptSocketId, close = false, reason } = options;
    const selector = selectorOf(userId, namespace, exceptSocketId);
    return this.commands.disconnect(selector, { close, reason });
  }
}

function selectorOf(userId: unknown, namespace: unknown, exceptSocketId?: unknown): SocketSelector {
  return {
    namespace: checkedNamespace(namespace),
    rooms: [userRoom(checkedUserId(userId))],
    except: checkedSocketIds('exceptSocketId', exceptSocketId),
  };
}
