import {
  ClassSerializerInterceptor,
  Injectable,
  UseFilters,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import {
  Ack,
  BaseWsExceptionFilter,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Exclude } from 'class-transformer';
import { catchError, delay, from, map, of, toArray, type Observable } from 'rxjs';
import { Propagate, RedisPropagatorInterceptor } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

class User {
  name = 'Alice';
  @Exclude()
  password = 'hunter2';
}

const USER = (): WsResponse<User> => ({ event: 'user', data: new User() });

/** Turns a response into another event, or into none. */
const interceptor = (change: (results: Observable<unknown>) => Observable<unknown>) => {
  @Injectable()
  class Changing implements NestInterceptor {
    intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
      return change(next.handle());
    }
  }
  return Changing;
};

const EventOf = interceptor((results) =>
  results.pipe(map((data) => ({ event: 'made of it', data }))),
);
const AnswerOf = interceptor((results) => results.pipe(map((data) => ({ answer: data }))));
const Later = interceptor((results) => results.pipe(delay(5)));
const Saved = interceptor((results) =>
  results.pipe(catchError(() => of({ event: 'instead', data: 'of an error' }))),
);
const AllInOne = interceptor((results) =>
  results.pipe(
    toArray(),
    map((all) => ({ event: 'all', data: all.map((each) => (each as WsResponse).data) })),
  ),
);
const Nothing = interceptor((results) => results.pipe(map(() => null)));

class Handlers {
  @SubscribeMessage('value')
  value(): WsResponse<User> {
    return USER();
  }

  @SubscribeMessage('Promise')
  async promise(): Promise<WsResponse<User>> {
    return USER();
  }

  @SubscribeMessage('Observable')
  observable(): Observable<WsResponse<User>> {
    return of(USER());
  }

  @SubscribeMessage('Promise of an Observable')
  async promisedObservable(): Promise<Observable<WsResponse<User>>> {
    return of(USER());
  }

  @SubscribeMessage('by hand')
  byHand(@Ack() ack: ((answer: string) => void) | undefined): WsResponse<User> {
    ack?.('by hand');
    return USER();
  }

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2].map((data) => ({ event: 'number', data })));
  }

  @SubscribeMessage('answer')
  answer(): string {
    return 'an answer';
  }

  @SubscribeMessage('failing')
  failing(): never {
    throw new WsException('no');
  }
}

/** A gateway with the interceptors on the class, or on a base class with one of them on each method. */
function gatewayWith(...interceptors: Type<NestInterceptor>[]): Type<Handlers> {
  @UseInterceptors(...interceptors)
  @WebSocketGateway()
  class TestGateway extends Handlers {}
  return TestGateway;
}

const RESPONSES = ['value', 'Promise', 'Observable', 'Promise of an Observable', 'by hand'];

describe('the events that others get', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (
    gateway: Type,
    prepare: (app: INestApplication) => void = () => undefined,
  ) => {
    cluster = await givenCluster().onInMemoryPubSub().with(gateway).prepared(prepare).start();
    return connectSampleClients(cluster);
  };

  const ORDERS: [string, Type<NestInterceptor>[]][] = [
    ['around ours', [ClassSerializerInterceptor, RedisPropagatorInterceptor]],
    ['inside of ours', [RedisPropagatorInterceptor, ClassSerializerInterceptor]],
    ['around ours with a delay', [Later, ClassSerializerInterceptor, RedisPropagatorInterceptor]],
    [
      'around ours, which is bound twice',
      [RedisPropagatorInterceptor, ClassSerializerInterceptor, RedisPropagatorInterceptor],
    ],
  ];

  it.each(ORDERS)(
    'are those of the asking client, with a serializer %s',
    async (_, interceptors) => {
      const { origin, others, bobs, everybody } = await start(gatewayWith(...interceptors));

      for (const message of RESPONSES) origin.emit(message);
      await origin.waitFor('user', RESPONSES.length);
      expect(await origin.ask('by hand')).toBe('by hand');
      await origin.waitFor('user', RESPONSES.length + 1);

      await cluster.settled(...everybody);
      for (const client of [origin, ...others]) {
        expect(client.data('user')).toEqual(
          [...RESPONSES, 'once more'].map(() => ({ name: 'Alice' })),
        );
      }
      for (const client of bobs) expect(client.received).toEqual([]);
    },
  );

  it('are those of the asking client, with the serializer on the method', async () => {
    @UseInterceptors(RedisPropagatorInterceptor)
    @WebSocketGateway()
    class MethodGateway {
      @UseInterceptors(ClassSerializerInterceptor)
      @SubscribeMessage('inside')
      inside(): WsResponse<User> {
        return USER();
      }
    }
    const { origin, others, everybody } = await start(MethodGateway);
    origin.emit('inside');
    await origin.waitFor('user');
    await cluster.settled(...everybody);
    for (const { received } of [origin, ...others]) {
      expect(received).toEqual([{ event: 'user', args: [{ name: 'Alice' }] }]);
    }
  });

  it('are those of the asking client, with our interceptor on the method and the serializer around it', async () => {
    @UseInterceptors(ClassSerializerInterceptor)
    @WebSocketGateway()
    class MethodGateway {
      @Propagate('all')
      @UseInterceptors(RedisPropagatorInterceptor)
      @SubscribeMessage('around')
      around(): WsResponse<User> {
        return USER();
      }
    }
    const { origin, everybody } = await start(MethodGateway);
    origin.emit('around');
    await origin.waitFor('user');
    await cluster.settled(...everybody);
    for (const { received } of everybody) {
      expect(received).toEqual([{ event: 'user', args: [{ name: 'Alice' }] }]);
    }
  });

  it('are those of the asking client, with a global serializer, if Nest applies it to gateways', async () => {
    const { origin, others, everybody } = await start(
      gatewayWith(RedisPropagatorInterceptor),
      (app) => app.useGlobalInterceptors(new ClassSerializerInterceptor(app.get(Reflector))),
    );
    for (const message of RESPONSES) origin.emit(message);
    const [first] = await origin.waitFor('user', RESPONSES.length);
    await cluster.settled(...everybody);
    for (const client of others) {
      expect(client.data('user')).toEqual(Array(RESPONSES.length).fill(first));
    }
  });

  it('are the event that an interceptor around ours makes of a reply or an event', async () => {
    const { origin, others, bobs, everybody } = await start(
      gatewayWith(EventOf, RedisPropagatorInterceptor),
    );
    origin.emit('answer');
    origin.emit('stream');
    await origin.waitFor('made of it', 3);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) {
      expect(client.data('made of it')).toEqual(
        expect.arrayContaining(['an answer', { event: 'number', data: 1 }]),
      );
      expect(client.received).toHaveLength(3);
    }
    for (const client of bobs) expect(client.received).toEqual([]);
  });

  it('are the one event that an interceptor around ours makes of a stream', async () => {
    const { origin, others, everybody } = await start(
      gatewayWith(AllInOne, RedisPropagatorInterceptor),
    );
    origin.emit('stream');
    await origin.waitFor('all');
    await cluster.settled(...everybody);
    for (const { received } of [origin, ...others]) {
      expect(received).toEqual([{ event: 'all', args: [[1, 2]] }]);
    }
  });

  it('are none if an interceptor around ours turns an event into an acknowledgement, or into nothing', async () => {
    const { origin, everybody } = await start(gatewayWith(AnswerOf, RedisPropagatorInterceptor));
    expect(await origin.ask('value')).toMatchObject({ answer: { event: 'user' } });
    await cluster.settled(...everybody);
    await cluster.close();
    const again = await start(gatewayWith(Nothing, RedisPropagatorInterceptor));
    expect(await again.origin.ask('value')).toBeNull();
    await cluster.settled(...again.everybody);
    for (const { received } of [...everybody, ...again.everybody]) expect(received).toEqual([]);
  });

  it('are the same for responses without data, with getters, as functions, or with a number as the name', async () => {
    @UseInterceptors(RedisPropagatorInterceptor)
    @WebSocketGateway()
    class OddGateway {
      @SubscribeMessage('no data')
      noData(): unknown {
        return { event: 'no data' };
      }

      @SubscribeMessage('getters')
      getters(): unknown {
        let reads = 0;
        return {
          get event() {
            return 'getters';
          },
          get data() {
            return ++reads;
          },
        };
      }

      @SubscribeMessage('function')
      aFunction(): unknown {
        return Object.assign(() => undefined, { event: 'function', data: 1 });
      }

      @SubscribeMessage('number')
      aNumber(): unknown {
        return { event: 42, data: 1 };
      }
    }
    const { origin, others, everybody } = await start(OddGateway);
    for (const message of ['no data', 'getters', 'function', 'number']) await origin.ask(message);
    await cluster.settled(...everybody);
    const sent = [
      { event: 'no data', args: [null] },
      { event: 'getters', args: [1] },
      { event: 'function', args: [1] },
      { event: '42', args: [1] },
    ];
    for (const { received } of [origin, ...others]) {
      expect(received).toEqual(sent);
    }
  });

  it('include a replacement for an error, and no exception', async () => {
    const { origin, others, everybody } = await start(
      gatewayWith(Saved, RedisPropagatorInterceptor),
    );
    origin.emit('failing');
    await origin.waitFor('instead');
    await cluster.settled(...everybody);
    for (const { received } of [origin, ...others]) {
      expect(received).toEqual([{ event: 'instead', args: ['of an error'] }]);
    }
    await cluster.close();

    @UseFilters(new BaseWsExceptionFilter({ includeCause: false }))
    @UseInterceptors(RedisPropagatorInterceptor)
    @WebSocketGateway()
    class FailingGateway extends Handlers {}
    const again = await start(FailingGateway);
    again.origin.emit('failing');
    await again.origin.waitFor('exception');
    await cluster.settled(...again.everybody);
    for (const { received } of again.others) expect(received).toEqual([]);
  });
});
