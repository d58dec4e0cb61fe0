import {
  Inject,
  Injectable,
  Logger,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { WsResponse } from '@nestjs/websockets';
import { map, type Observable } from 'rxjs';
import { reasonOf } from '../errors.js';
import { lineLogger } from '../reporting/line-logger.js';
import type { EventToEmit } from '../propagation/events.js';
import { RedisPropagatorService } from '../propagation/redis-propagator.service.js';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { ignoreRejection } from '../auth/token.js';
import { callOf } from './handler-call.js';
import { INTERCEPTORS_METADATA } from './nest-internals.js';
import { PROPAGATE_METADATA, type PropagateAudience } from './propagate.decorator.js';
import { wsResponseIn } from './ws-context.js';

/** Marks each class and instance, including those of other copies of this package. @internal */
export const PROPAGATOR_INTERCEPTOR = Symbol.for('nestjs-redis-propagator:interceptor');

/** With another adapter: marks contexts that an interceptor has seen, because several bindings share a call. */
const SEEN = Symbol.for('nestjs-redis-propagator:seen');

interface Known {
  readonly gateway: object;
  readonly audience: PropagateAudience;
}

/**
 * Sends every event that a gateway's handlers respond with (a `WsResponse`, from a value, Promise or Observable) to
 * the user's other sockets in the namespace, on all instances. `@Propagate` sets a different audience.
 *
 * The audience gets exactly the events that the asking client gets: the responses after all interceptors, in any
 * order. Acknowledgements, and handlers that return nothing, are not propagated. A single result is propagated even
 * if the asking client has left before it was ready, within 30 s; a stream ends with its client.
 *
 * Bind it with `@UseInterceptors(RedisPropagatorInterceptor)` on a gateway or a handler, or with Nest 12 globally:
 * Nest 11 applies global interceptors to no gateway. If it is bound in several places, it still sends each event
 * once.
 */
@Injectable()
export class RedisPropagatorInterceptor implements NestInterceptor {
  /** @internal */
  static readonly [PROPAGATOR_INTERCEPTOR] = true;
  /** @internal */
  readonly [PROPAGATOR_INTERCEPTOR] = true;
  private readonly logger = lineLogger(new Logger(RedisPropagatorInterceptor.name));
  private readonly reflector = new Reflector();
  /** By handler, because the metadata never changes. */
  private readonly audiences = new WeakMap<object, Known>();
  private warned = false;

  constructor(
    @Inject(RedisPropagatorService) private readonly propagator: RedisPropagatorService,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'ws') {
      this.warnOnce(context);
      return next.handle();
    }
    const call = callOf(context.getArgs());
    if (call === undefined) return this.propagatePassing(context, next);
    // SocketStateAdapter propagates the final response, because interceptors around this one may change it.
    call.propagate ??= this.propagatorOf(context);
    return next.handle();
  }

  /** Another adapter does not report its responses, so the response is propagated in its form at this interceptor. */
  private propagatePassing(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const seen = context as ExecutionContext & { [SEEN]?: true };
    if (seen[SEEN] === true) return next.handle();
    seen[SEEN] = true;
    const propagate = this.propagatorOf(context);
    if (propagate === false) return next.handle();
    return next.handle().pipe(
      map((result: unknown) => {
        const response = wsResponseIn(result);
        if (response !== undefined) propagate(response);
        return result;
      }),
    );
  }

  private propagatorOf(context: ExecutionContext): ((response: WsResponse) => void) | false {
    const audience = this.audienceOf(context);
    if (audience === false) return false;
    // The same as with switchToWs(), which would create functions for each call.
    const [socket, message] = context.getArgs<[AuthenticatedSocket, unknown]>();
    return (response) => this.propagate(audience, socket, message, response);
  }

  private propagate(
    audience: Exclude<PropagateAudience, false>,
    socket: AuthenticatedSocket,
    message: unknown,
    { event, data = null }: WsResponse,
  ): void {
    const { to, except } = described(audience);
    const exceptSessionId = except === 'session' ? socket.auth?.sessionId : undefined;
    const namespace = socket.nsp.name;
    const socketId = socket.id;
    // Not awaited, because the client's own response does not depend on Redis. The verbs report their failures.
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
      ignoreRejection(room);
      if (room !== undefined) void this.propagator.emitToRoom({ ...caused, room });
    } catch (error) {
      // A function of the app threw. The client still gets its own response.
      this.logger.error(`@Propagate({ room }) threw: ${reasonOf(error)}`);
    }
  }

  private audienceOf(context: ExecutionContext): PropagateAudience {
    const handler = context.getHandler();
    const gateway = context.getClass();
    const known = this.audiences.get(handler);
    // Gateways that extend another one share its handlers, and may have their own metadata.
    if (known?.gateway === gateway) return known.audience;
    const audience =
      this.reflector.getAllAndOverride<PropagateAudience | undefined>(PROPAGATE_METADATA, [
        handler,
        gateway,
      ]) ?? 'user';
    this.audiences.set(handler, { gateway, audience });
    return audience;
  }

  /** A global interceptor sees requests of all kinds. Only one that is bound to a controller is a mistake. */
  private warnOnce(context: ExecutionContext): void {
    if (this.warned || !isBoundTo([context.getClass(), context.getHandler()])) return;
    this.warned = true;
    this.logger.warn(
      `Bound to a controller, ${context.getClass().name}, whose context is of type "${context.getType()}": it does ` +
        'nothing there. Bind it with @UseInterceptors(RedisPropagatorInterceptor) on a gateway.',
    );
  }
}

/** Whether `@UseInterceptors` binds the interceptor to a class or a handler. @internal */
export function isBoundTo(targets: readonly object[]): boolean {
  return targets.some((target) => {
    const bound: unknown = Reflect.getMetadata(INTERCEPTORS_METADATA, target);
    return Array.isArray(bound) && bound.some(isPropagatorInterceptor);
  });
}

/** Whether a value is the interceptor's class, a subclass, or an instance. @internal */
export function isPropagatorInterceptor(bound: unknown): boolean {
  const isObject = typeof bound === 'function' || (typeof bound === 'object' && bound !== null);
  return isObject && PROPAGATOR_INTERCEPTOR in bound;
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
