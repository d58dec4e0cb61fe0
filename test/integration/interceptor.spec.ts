import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, map, type Observable } from 'rxjs';
import { Propagate, RedisPropagatorInterceptor } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class EventsGateway {
  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }

  @SubscribeMessage('promise')
  async promise(): Promise<WsResponse<string>> {
    return { event: 'events', data: 'promised' };
  }

  @Propagate('all')
  @SubscribeMessage('to-all')
  toAll(): WsResponse<string> {
    return { event: 'events', data: 'for all' };
  }
}

describe('RedisPropagatorInterceptor', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it("sends a user's events to the user's other sockets on all instances, in order, the origin once, and to nobody else", async () => {
    cluster = await givenCluster().of(2).with(EventsGateway).start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const origin = await a.connect({ token: 'alice' });
    const others = [await a.connect({ token: 'alice' }), await b.connect({ token: 'alice' })];
    const strangers = [
      await a.connect({ token: 'bob' }),
      await b.connect(),
      await b.connect({ token: 'bob' }),
    ];

    origin.emit('stream');

    await origin.waitFor('events', 3);
    await cluster.settled(origin, ...others, ...strangers);
    for (const client of [origin, ...others]) expect(client.data('events')).toEqual([1, 2, 3]);
    for (const client of strangers) expect(client.received).toEqual([]);
  });
});
