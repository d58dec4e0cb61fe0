import {
  Inject,
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { map, type Observable } from 'rxjs';
import { reasonOf } from '../errors.js';
import { lineLogger } from '../reporting/line-logger.js';
import type { EventToEmit } from '../propagation/events.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import type { AuthenticatedSocket } from '../sockets/authenticated-socket.js';
import { PROPAGATE_METADATA, type PropagateAudience } from './propagate.decorator.js';
import { isWsResponse } from './ws-response.js';

/** On calls that an interceptor has taken: one bound globally, one on the class and one on the method share a call. */
const TAKEN = Symbol('propagator:taken');

interface Known {
  readonly gateway: object;
  readonly audience: PropagateAudience;
}

/**
 * Sends every event that a gateway's handlers respond with (a `WsResponse`, from a value, Promise or Observable) to
 * the user's other sockets in the namespace, on all instances; `@Propagate` chooses another audience. The client
 * that asked gets its response from Nest, and from nobody else. Acknowledgements and void are nobody else's affair.
 *
 * Bind it with `@UseInterceptors(RedisPropagatorInterceptor)` on a gateway or a handler: global interceptors reach
 * gateways since Nest 12 only. Bound in several places, it still sends each event once.
 */
@Injectable()
export class RedisPropagatorInterceptor implements NestInterceptor {
  private readonly logger = lineLogger(new Logger(RedisPropagatorInterceptor.name));
  private readonly reflector = new Reflector();
  /** By handler: its metadata never changes. */
  private readonly audiences = new WeakMap<object, Known>();
  private warned = false;

  constructor(
    @Inject(RedisPropagatorService) private readonly propagator: RedisPropagatorService,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'ws') {
      this.warnOnce(context.getType());
      return next.handle();
    }
    const call = context as ExecutionContext & { [TAKEN]?: true };
    if (call[TAKEN] === true) return next.handle();
    call[TAKEN] = true;
    const audience = this.audienceOf(context);
    if (audience === false) return next.handle();
    // As switchToWs() has it and the message, but that makes functions for each call.
    const socket = context.getArgByIndex<AuthenticatedSocket>(0);
    return next.handle().pipe(
      // tap() would have handlers for the end and for errors made, too, for each call.
      map((result: unknown) => {
        if (isWsResponse(result)) {
          this.propagate(audience, socket, context.getArgByIndex<unknown>(1), result);
        }
        return result;
      }),
    );
  }

  private propagate(
    audience: Exclude<PropagateAudience, false>,
    socket: AuthenticatedSocket,
    message: unknown,
    { event, data }: { event: string; data: unknown },
  ): void {
    const { to, except } = described(audience);
    const exceptSessionId = except === 'session' ? socket.auth?.sessionId : undefined;
    const namespace = socket.nsp.name;
    const socketId = socket.id;
    // Not awaited: the client's own response does not depend on Redis. The verbs report their failures.
    if (to === 'user') {
      const userId = socket.auth?.userId;
      const caused = { userId, socketId, exceptSessionId, event, data, namespace };
      void this.propagator.propagateEvent(caused);
      return;
    }
    const caused: EventToEmit = { event, data, namespace, exceptSocketId: socketId };
    if (exceptSessionId !== undefined) caused.exceptSessionId = exceptSessionId;
    if (to === 'all') void this.propagator.emitToAll(caused);
    else if (to === 'authenticated') void this.propagator.emitToAuthenticated(caused);
    else this.propagateToRoom(to, socket, message, caused);
  }

  private propagateToRoom(
    roomOf: (message: unknown, socket: AuthenticatedSocket) => string | undefined,
    socket: AuthenticatedSocket,
    message: unknown,
    caused: EventToEmit,
  ): void {
    try {
      const room = roomOf(message, socket);
      if (room !== undefined) void this.propagator.emitToRoom({ ...caused, room });
    } catch (error) {
      // The app's function; the client's own response goes out all the same.
      this.logger.error(`@Propagate({ room }) threw: ${reasonOf(error)}`);
    }
  }

  private audienceOf(context: ExecutionContext): PropagateAudience {
    const handler = context.getHandler();
    const gateway = context.getClass();
    const known = this.audiences.get(handler);
    // Gateways that extend another one share its handlers, and may have metadata of their own.
    if (known?.gateway === gateway) return known.audience;
    const audience =
      this.reflector.getAllAndOverride<PropagateAudience | undefined>(PROPAGATE_METADATA, [
        handler,
        gateway,
      ]) ?? 'user';
    this.audiences.set(handler, { gateway, audience });
    return audience;
  }

  private warnOnce(type: string): void {
    if (this.warned) return;
    this.warned = true;
    this.logger.warn(
      `Called in a context of type "${type}", where it does nothing. Global interceptors reach gateways since ` +
        'Nest 12 only: bind it with @UseInterceptors(RedisPropagatorInterceptor) on the gateway.',
    );
  }
}

type RoomOf = Extract<PropagateAudience, { readonly room: unknown }>['room'];

interface Described {
  readonly to: 'user' | 'authenticated' | 'all' | RoomOf;
  readonly except?: 'socket' | 'session' | undefined;
}

function described(audience: Exclude<PropagateAudience, false>): Described {
  if (typeof audience === 'string') return { to: audience };
  return { to: 'room' in audience ? audience.room : audience.audience, except: audience.except };
}
