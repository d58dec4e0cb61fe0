import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  UseFilters,
  UseGuards,
  UseInterceptors,
  type CanActivate,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import {
  Ack,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { concat, of, throwError, type Observable } from 'rxjs';
import { PropagatorExceptionFilter } from '../../src/index.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const SECRET = 'password=hunter2';

class ClosedGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class ForbiddingGuard implements CanActivate {
  async canActivate(): Promise<never> {
    throw new ForbiddenException('not on Sundays');
  }
}

class FailingInterceptor implements NestInterceptor {
  intercept(): never {
    throw new Error(SECRET);
  }
}

class FailingPipe implements PipeTransform {
  async transform(): Promise<never> {
    throw new Error(SECRET);
  }
}

class UnsendableException extends WsException {
  constructor() {
    const payload: Record<string, unknown> = { secret: SECRET };
    payload['self'] = payload;
    super(payload);
  }
}

@UseFilters(PropagatorExceptionFilter)
@WebSocketGateway()
class FailingGateway {
  @SubscribeMessage('text')
  text(): never {
    throw new HttpException('too early', 425);
  }

  @SubscribeMessage('list')
  list(): never {
    throw new HttpException(['too early', 'too loud'] as never, 400);
  }

  @SubscribeMessage('list of an exception with a name')
  namedList(): never {
    throw new BadRequestException(['too early', 'too loud']);
  }

  @SubscribeMessage('object')
  async object(): Promise<never> {
    throw new BadRequestException({ code: 'E42', fields: { name: ['too short'] } });
  }

  @SubscribeMessage('nothing')
  nothing(): Observable<never> {
    return throwError(() => new HttpException(null as never, 400));
  }

  @SubscribeMessage('cause')
  cause(): never {
    throw new BadRequestException('too early', { cause: new Error(SECRET), description: 'Early' });
  }

  @SubscribeMessage('after an event')
  afterAnEvent(): Observable<WsResponse<string>> {
    return concat(
      of({ event: 'answer', data: 'first' }),
      throwError(() => new WsException('and no more')),
    );
  }

  @SubscribeMessage('by hand')
  async byHand(@Ack() _ack: (answer: unknown) => void): Promise<never> {
    throw new WsException('not by hand');
  }

  @SubscribeMessage('several')
  several(@MessageBody() _data: unknown): never {
    throw new WsException('too many');
  }

  @SubscribeMessage('unsendable')
  unsendable(): never {
    throw new UnsendableException();
  }

  @SubscribeMessage('undefined')
  undefined(): never {
    // oxlint-disable-next-line typescript/only-throw-error
    throw undefined;
  }

  @UseGuards(ClosedGuard)
  @SubscribeMessage('closed')
  closed(): boolean {
    return true;
  }

  @UseGuards(ForbiddingGuard)
  @SubscribeMessage('forbidden')
  forbidden(): boolean {
    return true;
  }

  @UseInterceptors(FailingInterceptor)
  @SubscribeMessage('interceptor')
  interceptor(): boolean {
    return true;
  }

  @SubscribeMessage('pipe')
  pipe(@MessageBody(new FailingPipe()) _data: unknown): boolean {
    return true;
  }
}

const internal = (pattern: string) => ({
  status: 'error',
  message: 'Internal server error',
  cause: { pattern, data: 'my data' },
});

describe('PropagatorExceptionFilter', () => {
  let cluster: TestCluster;
  let client: TestClient;
  beforeAll(async () => {
    cluster = await givenCluster().of(1).with(FailingGateway).onInMemoryPubSub().start();
  });
  afterAll(() => cluster.close());

  const answers: [message: string, answer: unknown][] = [
    ['text', { status: 'error', message: 'too early' }],
    ['list', { status: 'error', message: ['too early', 'too loud'] }],
    [
      'list of an exception with a name',
      {
        status: 'error',
        statusCode: 400,
        error: 'Bad Request',
        message: ['too early', 'too loud'],
      },
    ],
    ['object', { status: 'error', code: 'E42', fields: { name: ['too short'] } }],
    ['nothing', { status: 'error' }],
    ['cause', { status: 'error', statusCode: 400, error: 'Early', message: 'too early' }],
    [
      'by hand',
      { status: 'error', message: 'not by hand', cause: { pattern: 'by hand', data: 'my data' } },
    ],
    [
      'closed',
      {
        status: 'error',
        message: 'Forbidden resource',
        cause: { pattern: 'closed', data: 'my data' },
      },
    ],
    [
      'forbidden',
      { status: 'error', statusCode: 403, error: 'Forbidden', message: 'not on Sundays' },
    ],
    ['interceptor', internal('interceptor')],
    ['pipe', internal('pipe')],
    ['unsendable', internal('unsendable')],
    ['undefined', internal('undefined')],
  ];

  it.each(answers)('responds only to the client that asked: %s', async (message, answer) => {
    client = await cluster.instance(0).connect({ token: 'alice' });
    expect(await client.ask(message, 'my data')).toEqual(answer);
    await cluster.settled(client);
    expect(client.received).toEqual([]);
  });

  it.each(answers)(
    'emits one event to a client that did not ask for an acknowledgement: %s',
    async (message, answer) => {
      client = await cluster.instance(0).connect({ token: 'alice' });
      const other = await cluster.instance(0).connect({ token: 'alice' });
      client.emit(message, 'my data');
      await client.waitFor('exception');
      await cluster.settled(client, other);
      expect(client.received).toEqual([{ event: 'exception', args: [answer] }]);
      expect(other.received).toEqual([]);
      expect(JSON.stringify(client.received)).not.toContain(SECRET);
    },
  );

  it('responds to a client that sent several values, or none', async () => {
    client = await cluster.instance(0).connect({ token: 'alice' });
    expect(await client.ask('several', 1, 2)).toMatchObject({
      message: 'too many',
      cause: { data: [1, 2] },
    });
    expect(await client.ask('several')).toMatchObject({ message: 'too many' });
    expect(client.received).toEqual([]);
  });

  it('responds after events that came before the failure', async () => {
    client = await cluster.instance(0).connect({ token: 'alice' });
    expect(await client.ask('after an event')).toMatchObject({ message: 'and no more' });
    expect(client.received).toEqual([{ event: 'answer', args: ['first'] }]);
  });
});
