import { Catch, HttpException, Logger, type ArgumentsHost } from '@nestjs/common';
import { BaseExceptionFilter, type AbstractHttpAdapter } from '@nestjs/core';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import { reasonOf } from '../errors.js';
import { lineLogger } from '../reporting/line-logger.js';
import type { AuthenticatedSocket } from '../auth/authenticated-socket.js';
import { callOf } from './handler-call.js';

type Acknowledge = (answer: unknown) => void;

/** A response of Express, or a reply of Fastify. */
interface HttpResponse {
  readonly headersSent?: boolean;
  readonly sent?: boolean;
  readonly raw?: HttpResponse;
  status(code: number): { send(body: unknown): void };
  end?(): void;
}

/** The filter that Nest itself uses for HTTP. A filter of the app that is bound globally need not know its platform. */
const httpFilter = new BaseExceptionFilter({
  isHeadersSent: ({ headersSent, sent }: HttpResponse) => headersSent ?? sent,
  reply: (response: HttpResponse, body: unknown, status: number) =>
    response.status(status).send(body),
  end: (response: HttpResponse) => (response.raw ?? response).end?.(),
} as unknown as AbstractHttpAdapter);

/**
 * Tells the client what went wrong: in the acknowledgement if it asked for one (Nest's own filter leaves such a
 * client waiting), and otherwise as an `exception` event. The messages of `WsException` and `HttpException` (such
 * as those of pipes) go to the client. For any other error the client only learns that the request failed. Bound
 * globally, the filter leaves HTTP requests, microservice messages and GraphQL to Nest.
 *
 * ```ts
 * @UseFilters(PropagatorExceptionFilter)
 * @WebSocketGateway()
 * ```
 */
@Catch()
export class PropagatorExceptionFilter extends BaseWsExceptionFilter {
  private readonly logger = lineLogger(new Logger(PropagatorExceptionFilter.name));

  override catch(exception: unknown, host: ArgumentsHost): void {
    const type = host.getType();
    if (type === 'http') {
      httpFilter.catch(exception, host);
      return;
    }
    // For a message of a microservice, or a query of GraphQL, Nest has an answer of its own if a filter returns nothing.
    if (type !== 'ws') return;
    const args = host.getArgs<[AuthenticatedSocket, unknown, ...unknown[]]>();
    const [client, data, ...rest] = args;
    const call = callOf(args);
    const ack = rest.find((argument) => typeof argument === 'function') as Acknowledge | undefined;
    const pattern = rest.find((argument) => typeof argument === 'string') ?? 'unknown';
    // The base class uses the client only to emit the payload.
    const receiver =
      ack === undefined
        ? client
        : {
            // The acknowledgement of a call handles data that cannot be sent.
            emit: (_event: string, payload: unknown) =>
              call === undefined ? ack(payload) : call.acknowledge(payload),
          };
    const cause = { pattern, data };
    let failure: unknown;
    const attempts = [
      () => this.handleError(receiver, asWsException(exception), cause),
      // The client's data may be too deep to be sent back.
      () => this.handleError(receiver, asWsException(exception), undefined),
      // The exception's own payload cannot be encoded either, such as a cycle.
      () => this.handleError(receiver, failure, cause),
      () => this.handleError(receiver, failure, undefined),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
        return;
      } catch (error) {
        failure ??= error;
      }
    }
    // With another adapter than SocketStateAdapter an error here would end the process.
    this.logger.error(`An exception could not be sent to the client: ${reasonOf(failure)}`);
  }
}

function asWsException(exception: unknown): unknown {
  if (!(exception instanceof HttpException)) return exception;
  const response: unknown = exception.getResponse();
  // An exception that was made with a list has the list as its response.
  const isMessage = typeof response !== 'object' || Array.isArray(response);
  return new WsException({
    status: 'error',
    ...(isMessage ? { message: response } : response),
  });
}
