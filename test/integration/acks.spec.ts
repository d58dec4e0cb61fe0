import {
  BadRequestException,
  UseFilters,
  UseInterceptors,
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
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, of, throwError, type Observable } from 'rxjs';
import { PropagatorExceptionFilter, RedisPropagatorInterceptor } from '../../src/index.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

const SECRET = 'password=hunter2';

class NamePipe implements PipeTransform {
  transform(value: unknown): string {
    if (typeof value === 'string') return value;
    throw new BadRequestException(['name must be a string', 'name should not be empty']);
  }
}

@UseFilters(PropagatorExceptionFilter)
@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AskedGateway {
  @SubscribeMessage('null')
  null(): null {
    return null;
  }

  @SubscribeMessage('promised null')
  async promisedNull(): Promise<null> {
    return null;
  }

  @SubscribeMessage('value')
  value(): unknown {
    return { nested: [0, '', false] };
  }

  @SubscribeMessage('zero')
  zero(): number {
    return 0;
  }

  @SubscribeMessage('event')
  event(): WsResponse<string> {
    return { event: 'answer', data: 'as an event' };
  }

  @SubscribeMessage('events')
  events(): Observable<WsResponse<number>> {
    return from([1, 2].map((data) => ({ event: 'answer', data })));
  }

  @SubscribeMessage('by hand')
  byHand(@Ack() ack: (answer: string) => void): WsResponse<string> {
    setImmediate(ack, 'by hand');
    return { event: 'answer', data: 'and an event' };
  }

  @SubscribeMessage('name')
  name(@MessageBody(new NamePipe()) name: string): string {
    return `hello ${name}`;
  }

  @SubscribeMessage('ws exception')
  wsException(): never {
    throw new WsException('not yours');
  }

  @SubscribeMessage('ws exception with an object')
  wsExceptionWithObject(): never {
    throw new WsException({ code: 'E42', reason: 'not yours' });
  }

  @SubscribeMessage('error')
  error(): never {
    throw new Error(SECRET);
  }

  @SubscribeMessage('rejection')
  async rejection(): Promise<never> {
    throw new Error(SECRET);
  }

  @SubscribeMessage('failing stream')
  failingStream(): Observable<unknown> {
    return throwError(() => new Error(SECRET));
  }

  @SubscribeMessage('no error')
  noError(): Observable<unknown> {
    return throwError(() => SECRET);
  }

  @SubscribeMessage('text')
  text(): Observable<string> {
    return of('text');
  }
}

describe('a client that asks for an acknowledgement', () => {
  let cluster: TestCluster;
  let client: TestClient;
  const start = async (): Promise<TestClient> => {
    cluster = await givenCluster().of(1).with(AskedGateway).start();
    return (client = await cluster.instance(0).connect({ token: 'alice' }));
  };
  afterEach(() => cluster.close());

  // Otherwise a WsException, `null` or an event would leave the acknowledgement of the client hanging.
  it('gets one, whatever the handler responds with', async () => {
    await start();

    expect(await client.ask('null')).toBeNull();
    expect(await client.ask('promised null', 'data')).toBeNull();
    expect(await client.ask('value')).toEqual({ nested: [0, '', false] });
    expect(await client.ask('zero')).toBe(0);
    expect(await client.ask('text', 1, 2, 3)).toBe('text');
    expect(client.received).toEqual([]);
    expect(await client.ask('event')).toBeUndefined();
    expect(await client.ask('events', { some: 'data' })).toBeUndefined();
    expect(await client.ask('by hand')).toBe('by hand');

    expect(client.received).toEqual(
      ['as an event', 1, 2, 'and an event'].map((data) => ({ event: 'answer', args: [data] })),
    );
  });

  // A WsException must not leave the acknowledgement hanging.
  it('gets the messages of WsExceptions and HttpExceptions', async () => {
    await start();
    expect(await client.ask('ws exception', 'my data')).toEqual({
      status: 'error',
      message: 'not yours',
      cause: { pattern: 'ws exception', data: 'my data' },
    });
    expect(await client.ask('ws exception with an object')).toEqual({
      code: 'E42',
      reason: 'not yours',
    });
    expect(await client.ask('name', { not: 'text' })).toEqual({
      status: 'error',
      statusCode: 400,
      error: 'Bad Request',
      message: ['name must be a string', 'name should not be empty'],
    });
    expect(await client.ask('name', 'alice')).toBe('hello alice');
    expect(client.received).toEqual([]);
  });

  // Any other error must not leave the acknowledgement hanging, nor reveal internals.
  it.each(['error', 'rejection', 'failing stream', 'no error'])(
    'gets no details of any other error: %s',
    async (message) => {
      await start();

      expect(await client.ask(message, 'my data')).toEqual({
        status: 'error',
        message: 'Internal server error',
        cause: { pattern: message, data: 'my data' },
      });

      expect(client.received).toEqual([]);
    },
  );

  it('and one that does not ask gets errors as an event, as without the filter', async () => {
    await start();

    client.emit('ws exception', 'my data');
    client.emit('name', 7);
    client.emit('error', 'my data');

    const exceptions = await client.waitFor('exception', 3);
    expect(exceptions).toHaveLength(3);
    expect(exceptions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ status: 'error', message: 'not yours' }),
        expect.objectContaining({ message: ['name must be a string', 'name should not be empty'] }),
        expect.objectContaining({ status: 'error', message: 'Internal server error' }),
      ]),
    );
    expect(JSON.stringify(exceptions)).not.toContain(SECRET);
  });
});
