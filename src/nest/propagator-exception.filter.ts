import { Catch, HttpException, type ArgumentsHost } from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import type { AuthenticatedSocket } from '../sockets/authenticated-socket.js';

type Acknowledge = (answer: unknown) => void;

/**
 * Tells the client what went wrong: in the acknowledgement where it asked for one (Nest's own filter leaves such a
 * client waiting), as an `exception` event where it did not. The messages of `WsException` and `HttpException` (those
 * of pipes, for one) go to the client; of anything else it learns nothing but that it failed.
 *
 * ```ts
 * @UseFilters(PropagatorExceptionFilter)
 * @WebSocketGateway()
 * ```
 */
@Catch()
export class PropagatorExceptionFilter extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    const [client, data, ...rest] = host.getArgs<[AuthenticatedSocket, unknown, ...unknown[]]>();
    const ack = rest.find((argument) => typeof argument === 'function') as Acknowledge | undefined;
    const pattern = rest.find((argument) => typeof argument === 'string') ?? 'unknown';
    // The base class does nothing with a client but emit the payload that it made.
    const receiver =
      ack === undefined ? client : { emit: (_event: string, payload: unknown) => ack(payload) };
    const cause = { pattern, data };
    try {
      this.handleError(receiver, asWsException(exception), cause);
    } catch (error) {
      // What the exception was to tell cannot be sent, such as a cycle.
      this.handleError(receiver, error, cause);
    }
  }
}

function asWsException(exception: unknown): unknown {
  if (!(exception instanceof HttpException)) return exception;
  const response: unknown = exception.getResponse();
  // Made of a list, an exception has it for its response.
  const isMessage = typeof response !== 'object' || Array.isArray(response);
  return new WsException({
    status: 'error',
    ...(isMessage ? { message: response } : response),
  });
}
