import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { wsClientOf } from './ws-context.js';

/**
 * Refuses messages of anonymous sockets, and of those whose identity has expired, with a `WsException`
 * `{ status: 'error', code: 'auth.required', message }`. Also bind `PropagatorExceptionFilter`, which puts it into
 * the client's acknowledgement.
 *
 * ```ts
 * @UseGuards(WsAuthGuard)
 * @UseFilters(PropagatorExceptionFilter)
 * @WebSocketGateway()
 * ```
 */
@Injectable()
export class WsAuthGuard implements CanActivate {
  /** @throws PropagatorError `context.not-ws` outside of gateways, where there is no socket */
  canActivate(context: ExecutionContext): boolean {
    const { auth } = wsClientOf(context, 'WsAuthGuard');
    if (auth && (auth.expiresAt === undefined || Date.now() < auth.expiresAt)) return true;
    throw new WsException({
      status: 'error',
      code: 'auth.required',
      message: 'Authentication required',
    });
  }
}
