import { UseInterceptors, type Type } from '@nestjs/common';
import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayDisconnect,
  type WsResponse,
} from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { delay, from, map, Subject, type Observable } from 'rxjs';
import { Propagate, RedisPropagatorInterceptor } from '../../src/index.js';
import { Deferred } from '../support/deferred.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';
import { until } from '../support/until.js';

class Slow {
  intercept(_: unknown, next: { handle(): Observable<unknown> }): Observable<unknown> {
    return next.handle().pipe(delay(5));
  }
}

const started: string[] = [];
let left = 0;
let work: Deferred<string>;
let stream: Subject<number>;

const response = (data: unknown): WsResponse<unknown> => ({ event: 'done', data });

class SlowHandlers implements OnGatewayDisconnect {
  handleDisconnect(): void {
    left++;
  }

  @SubscribeMessage('Promise')
  async promise(): Promise<WsResponse<unknown>> {
    started.push('Promise');
    return response(await work.promise);
  }

  @SubscribeMessage('Observable of one value')
  single(): Observable<WsResponse<unknown>> {
    started.push('Observable of one value');
    return from(work.promise).pipe(map(response));
  }

  @SubscribeMessage('Promise of an Observable')
  async promised(): Promise<Observable<WsResponse<unknown>>> {
    started.push('Promise of an Observable');
    return from(work.promise).pipe(map(response));
  }

  @SubscribeMessage('answer')
  async answer(): Promise<string> {
    started.push('answer');
    return work.promise;
  }

  @SubscribeMessage('failing')
  async failing(): Promise<never> {
    started.push('failing');
    await work.promise;
    throw new Error('failed');
  }

  @Propagate(false)
  @SubscribeMessage('for nobody')
  async forNobody(): Promise<WsResponse<unknown>> {
    started.push('for nobody');
    return response(await work.promise);
  }

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<unknown>> {
    started.push('stream');
    return stream.pipe(map(response));
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class SlowGateway extends SlowHandlers {}

@UseInterceptors(Slow, RedisPropagatorInterceptor, Slow)
@WebSocketGateway()
class SlowerGateway extends SlowHandlers {}

@WebSocketGateway()
class PlainGateway extends SlowHandlers {}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class OtherGateway {
  @SubscribeMessage('other')
  other(): void {}
}

describe('a client that leaves before its handler has responded', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const leaving = async (gateway: Type, message: string, ...moreGateways: Type[]) => {
    started.length = left = 0;
    work = new Deferred();
    stream = new Subject();
    cluster = await givenCluster()
      .onInMemoryPubSub()
      .with(gateway, ...moreGateways)
      .start();
    const { origin, others, bobs, anonymous } = await connectSampleClients(cluster);
    origin.emit(message);
    await until(
      () => started.includes(message) && (message !== 'stream' || stream.observed),
      () => `the handler of "${message}" to start`,
    );
    const leave = async (): Promise<void> => {
      origin.close();
      await until(
        () => left === 1,
        () => 'the server to notice',
      );
    };
    return { origin, others, strangers: [...bobs, ...anonymous], leave };
  };

  const MESSAGES = ['Promise', 'Observable of one value', 'Promise of an Observable'];

  it.each(
    MESSAGES.flatMap((message) => [
      [message, SlowGateway] as const,
      [message, SlowerGateway] as const,
    ]),
  )(
    'has its single response propagated to the other sockets of its user: %s, %p',
    async (message, gateway) => {
      const { others, strangers, leave } = await leaving(gateway, message);
      await leave();
      work.resolve('late');
      for (const client of others) await client.waitFor('done');
      await cluster.settled(...others, ...strangers);
      for (const { received } of others)
        expect(received).toEqual([{ event: 'done', args: ['late'] }]);
      for (const { received } of strangers) expect(received).toEqual([]);
    },
  );

  it.each(['answer', 'failing', 'for nobody'])(
    'affects no other client if there is no event for others: %s',
    async (message) => {
      const { others, strangers, leave } = await leaving(SlowGateway, message);
      await leave();
      work.resolve('late');
      await work.promise;
      await cluster.settled(...others, ...strangers);
      for (const { received } of [...others, ...strangers]) expect(received).toEqual([]);
    },
  );

  it('ends its stream', async () => {
    const { origin, others, leave } = await leaving(SlowGateway, 'stream');
    stream.next(1);
    await origin.waitFor('done');
    await leave();
    expect(stream.observed).toBe(false);
    stream.next(2);
    await cluster.settled(...others);
    for (const client of others) expect(client.data('done')).toEqual([1]);
  });

  it('ends a stream at its first value, which is not sent, if there was none before', async () => {
    const { others, leave } = await leaving(SlowGateway, 'stream');
    await leave();
    stream.next(1);
    await until(
      () => !stream.observed,
      () => 'the end of the stream',
    );
    await cluster.settled(...others);
    for (const { received } of others) expect(received).toEqual([]);
  });

  it('ends its stream at once if nothing is propagated', async () => {
    const { leave } = await leaving(PlainGateway, 'stream');
    await leave();
    expect(stream.observed).toBe(false);
  });

  it('ends its stream at once if another gateway of the app propagates', async () => {
    const { leave } = await leaving(PlainGateway, 'stream', OtherGateway);
    await leave();
    expect(stream.observed).toBe(false);
  });

  it('has its response reported as lost if the app closes first', async () => {
    const { leave } = await leaving(SlowGateway, 'Promise');
    await leave();
    await cluster.close();
    expect(cluster.logger.matching(/^warn response\.abandoned: .*"Promise"/)).toHaveLength(1);
  });
});
