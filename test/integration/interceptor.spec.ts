import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, map, of, type Observable } from 'rxjs';
import { RedisPropagatorInterceptor } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import { connectSampleClients } from '../support/sample-clients.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class EventsGateway {
  @SubscribeMessage('a value')
  value(): WsResponse<string> {
    return { event: 'events', data: 'x' };
  }

  @SubscribeMessage('a Promise')
  async promise(): Promise<WsResponse<string>> {
    return { event: 'events', data: 'x' };
  }

  @SubscribeMessage('an Observable')
  observable(): Observable<WsResponse<string>> {
    return of({ event: 'events', data: 'x' });
  }

  @SubscribeMessage('a Promise of an Observable')
  async promisedObservable(): Promise<Observable<WsResponse<string>>> {
    return this.observable();
  }

  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3]).pipe(map((data) => ({ event: 'events', data })));
  }

  @SubscribeMessage('mixed')
  mixed(): Observable<unknown> {
    return from([{ event: 'events', data: 1 }, 'an answer', { event: 'events', data: 2 }]);
  }

  @SubscribeMessage('answer')
  answer(): string {
    return 'an answer';
  }

  @SubscribeMessage('null')
  nothing(): null {
    return null;
  }

  @SubscribeMessage('void')
  void(): void {}

  @SubscribeMessage('no event')
  noEvent(): object {
    return { event: '', data: 'x' };
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {
  @SubscribeMessage('say')
  say(): WsResponse<string> {
    return { event: 'said', data: 'hello' };
  }
}

describe('RedisPropagatorInterceptor', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it("sends the events of a stream to the user's other sockets on all instances, in order, to the origin once, and to nobody else", async () => {
    cluster = await givenCluster().of(3).with(EventsGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);

    origin.emit('stream');

    await origin.waitFor('events', 3);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) expect(client.data('events')).toEqual([1, 2, 3]);
    for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
  });

  it.each(['a value', 'a Promise', 'an Observable', 'a Promise of an Observable'])(
    'sends the event of %s once to each of the user’s sockets',
    async (kind) => {
      cluster = await givenCluster().with(EventsGateway).start();
      const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);

      origin.emit(kind);

      await origin.waitFor('events');
      await cluster.settled(...everybody);
      for (const client of [origin, ...others]) expect(client.data('events')).toEqual(['x']);
      for (const client of [...bobs, ...anonymous]) expect(client.received).toEqual([]);
    },
  );

  // Only an object with an event name is an event. Anything else would arrive as `[null, null]`.
  it('sends nothing to others for acknowledgements, null, void and objects that are not events', async () => {
    cluster = await givenCluster().with(EventsGateway).start();
    const { origin, everybody } = await connectSampleClients(cluster);

    origin.emit('void');
    origin.emit('no event');
    expect(await origin.ask('null')).toBeNull();
    expect(await origin.ask('answer')).toBe('an answer');

    await cluster.settled(...everybody);
    for (const client of everybody) expect(client.received).toEqual([]);
  });

  // Only an object with an event name is an event.
  it('sends the events of a stream to others, and not the acknowledgement among them', async () => {
    cluster = await givenCluster().with(EventsGateway).start();
    const { origin, others, bobs, everybody } = await connectSampleClients(cluster);

    expect(await origin.ask('mixed')).toBe('an answer');

    await origin.waitFor('events', 2);
    await cluster.settled(...everybody);
    for (const client of [origin, ...others]) {
      expect(client.received).toEqual([
        { event: 'events', args: [1] },
        { event: 'events', args: [2] },
      ]);
    }
    for (const client of bobs) expect(client.received).toEqual([]);
  });

  it('sends the response to an anonymous client to that client only', async () => {
    cluster = await givenCluster().with(EventsGateway).start();
    const { origin, others, bobs, anonymous, everybody } = await connectSampleClients(cluster);
    const [asking, ...rest] = anonymous;

    asking?.emit('stream');

    await asking?.waitFor('events', 3);
    await cluster.settled(...everybody);
    expect(asking?.data('events')).toEqual([1, 2, 3]);
    for (const client of [...rest, origin, ...others, ...bobs]) expect(client.received).toEqual([]);
  });

  // Events of one namespace must not reach another.
  it('stays within the namespace of the gateway', async () => {
    cluster = await givenCluster().with(EventsGateway, ChatGateway).start();
    const chat = await connectSampleClients(cluster, { namespace: '/chat' });
    const root = await connectSampleClients(cluster);

    chat.origin.emit('say');

    await chat.origin.waitFor('said');
    await cluster.settled(...chat.everybody, ...root.everybody);
    for (const client of [chat.origin, ...chat.others])
      expect(client.data('said')).toEqual(['hello']);
    for (const client of [...chat.bobs, ...chat.anonymous, ...root.everybody]) {
      expect(client.received).toEqual([]);
    }
  });
});
