import type { AckRequests } from '../socket-io/commands/ack-requests.js';
import { checkedNamespace, checkedOptions } from '../routing/target-validation.js';
import type { ClusterCount, ClusterResult } from '../cluster/cluster-result.js';
import { userRoom } from '../routing/reserved-rooms.js';
import type { SocketCommands } from '../socket-io/commands/socket-commands.js';
import type { SocketDetails } from '../socket-io/commands/socket-details.js';
import type { SocketSelector } from '../routing/socket-selector.js';
import { PropagatorError } from '../errors.js';
import { shown } from '../options/checks.js';
import {
  checkedEvent,
  checkedFlag,
  checkedRooms,
  checkedTimeout,
  checkEventName,
  exceptedRooms,
  packetData,
  refuseLatestOnly,
  roomsOfSession,
} from './validation.js';
import { checkedUserId, type UserId } from '../auth/user-id.js';
import type { UserRequest, DeviceAnswer, UserAnswers } from './events.js';

export interface InNamespace {
  /** @default '/' */
  namespace?: string | undefined;
}

export interface DisconnectUserOptions extends InNamespace {
  /** Sent to the client first, as event `propagator:disconnect` with `{ reason }`. */
  reason?: string | undefined;
  /** A socket that stays connected, such as the one that asked for it. */
  exceptSocketId?: string | undefined;
  /** Only the user's sockets of this session are disconnected. */
  sessionId?: string | undefined;
  /** A session whose sockets stay connected. */
  exceptSessionId?: string | undefined;
  /**
   * Also close the underlying connection, with all its namespaces.
   * @default false
   */
  close?: boolean | undefined;
}

/**
 * Commands for a user's sockets on all instances. They throw at once if an argument is wrong.
 *
 * @internal
 */
export class UserCommands {
  constructor(
    private readonly commands: SocketCommands,
    private readonly acks: AckRequests,
    private readonly ackTimeoutMs: number,
  ) {}

  request(request: UserRequest): Promise<UserAnswers> {
    const { event, data, args, latestOnly } = checkedEvent<UserRequest & { latestOnly?: unknown }>(
      request,
    );
    checkEventName(event);
    refuseLatestOnly(latestOnly);
    const items: DeviceAnswer[] = [];
    const unanswered = new Set<string>();
    const asked = this.acks.ask(
      {
        ...selectorOf(request.userId, request),
        data: packetData(event, data, args),
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
          items.push({ socketId, instanceId, answer });
        },
      },
    );
    return asked.then(({ missing, complete }) => ({
      items,
      unanswered: [...unanswered],
      missing,
      complete,
    }));
  }

  fetch(userId: UserId, options?: InNamespace): Promise<ClusterResult<SocketDetails>> {
    return this.commands.describe(selectorOf(userId, options));
  }

  join(userId: UserId, rooms: unknown, options?: InNamespace): Promise<ClusterCount> {
    return this.commands.join(selectorOf(userId, options), checkedRooms(rooms));
  }

  leave(userId: UserId, rooms: unknown, options?: InNamespace): Promise<ClusterCount> {
    return this.commands.leave(selectorOf(userId, options), checkedRooms(rooms));
  }

  disconnect(userId: UserId, options?: DisconnectUserOptions): Promise<ClusterCount> {
    const { close, reason } = checkedOptions(options);
    return this.commands.disconnect(selectorOf(userId, options), {
      close: checkedFlag('close', close, false),
      reason: checkedReason(reason),
    });
  }
}

interface Selection {
  readonly namespace?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly exceptSocketId?: string | undefined;
  readonly exceptSessionId?: string | undefined;
}

function checkedReason(given: unknown): string | undefined {
  if (given === undefined || typeof given === 'string') return given;
  throw PropagatorError.of('target.invalid', ['reason', shown(given), 'Pass a string.']);
}

function selectorOf(userId: unknown, given: Selection | undefined): SocketSelector {
  const selection = checkedOptions(given);
  const user = userRoom(checkedUserId(userId));
  const [session] = roomsOfSession(selection.sessionId);
  return {
    namespace: checkedNamespace(selection.namespace),
    ...(session === undefined ? { rooms: [user] } : { rooms: [session], within: user }),
    except: exceptedRooms(selection),
  };
}
