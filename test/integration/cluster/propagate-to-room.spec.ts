import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { from, type Observable } from 'rxjs';
import {
  Propagate,
  RedisPropagatorInterceptor,
  type AuthenticatedSocket,
  type PropagateAudience,
} from '../../../src/index.js';
import { eventsOf } from '../../support/events-of.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

interface Message {
  room: string;
}

const named = { room: ({ room }: Message) => room };

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class TalkingGateway {
  @Propagate(named)
  @SubscribeMessage('say')
  say(): WsResponse<string> {
    return { event: 'said', data: 'hello' };
  }

  @Propagate(named)
  @SubscribeMessage('stream')
  stream(): Observable<WsResponse<number>> {
    return from([1, 2, 3].map((data) => ({ event: 'said', data })));
  }

  @Propagate({ room: (_, socket: AuthenticatedSocket) => `of ${socket.auth?.userId}` })
  @SubscribeMessage('to my own')
  toMyOwn(): WsResponse<string> {
    return { event: 'said', data: 'mine' };
  }

  @Propagate({ room: () => undefined })
  @SubscribeMessage('to nobody')
  toNobody(): WsResponse<string> {
    return { event: 'said', data: 'nobody' };
  }

  @Propagate({
    room: () => {
      throw new Error('a function of the app');
    },
  })
  @SubscribeMessage('to a fault')
  toFault(): WsResponse<string> {
    return { event: 'said', data: 'fault' };
  }

  @Propagate({
    room: (async () => {
      throw new Error('a function of the app');
    }) as unknown as () => string,
  })
  @SubscribeMessage('to a late fault')
  toLateFault(): WsResponse<string> {
    return { event: 'said', data: 'late fault' };
  }

  @Propagate({ room: () => 'propagator#user:bob' })
  @SubscribeMessage('to a reserved room')
  toReserved(): WsResponse<string> {
    return { event: 'said', data: 'reserved' };
  }
}

@UseInterceptors(RedisPropagatorInterceptor)
@Propagate({ room: () => 'lobby' })
@WebSocketGateway()
class LobbyGateway {
  @SubscribeMessage('to the lobby')
  toLobby(): WsResponse<string> {
    return { event: 'said', data: 'lobby' };
  }
}

const saidTo = (clients: readonly TestClient[]) => clients.map((client) => client.data('said'));

describe('@Propagate({ room })', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  /** Alice sends; she and bob are on the first instance, carol and dave on the second; dave is in no room. */
  const start = async () => {
    cluster = await givenCluster().of(2).with(TalkingGateway, LobbyGateway, PlainGateway).start();
    const [alice, bob, carol, dave] = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(0).connect({ token: 'bob' }),
      await cluster.instance(1).connect({ token: 'carol' }),
      await cluster.instance(1).connect({ token: 'dave' }),
    ];
    for (const client of [alice, bob, carol]) await client.ask('join', ['lobby', 'of alice']);
    return { alice, others: [bob, carol], dave, everybody: [alice, bob, carol, dave] };
  };

  it('sends the responses to the room named in the message, to the origin once, on all instances', async () => {
    const { alice, others, dave, everybody } = await start();

    alice.emit('say', { room: 'lobby' });
    await alice.waitFor('said', 1);
    alice.emit('stream', { room: 'lobby' });
    await alice.waitFor('said', 4);
    alice.emit('say', { room: 'nowhere' });
    await alice.waitFor('said', 5);

    await cluster.settled(...everybody);
    expect(saidTo([alice, ...others, dave])).toEqual([
      ['hello', 1, 2, 3, 'hello'],
      ['hello', 1, 2, 3],
      ['hello', 1, 2, 3],
      [],
    ]);
  });

  it('can read the room from the socket as well, and may decorate the gateway', async () => {
    const { alice, others, dave, everybody } = await start();

    alice.emit('to my own');
    alice.emit('to the lobby');

    await alice.waitFor('said', 2);
    await cluster.settled(...everybody);
    for (const client of [alice, ...others]) expect(client.data('said')).toEqual(['mine', 'lobby']);
    expect(dave.received).toEqual([]);
  });

  it.each(['to nobody', 'to a fault', 'to a late fault', 'to a reserved room'])(
    'still responds to the client if there is no room: %s',
    async (message) => {
      const { alice, others, dave, everybody } = await start();

      alice.emit(message);

      await alice.waitFor('said');
      await cluster.settled(...everybody);
      expect(eventsOf(alice)).toEqual(['said']);
      for (const client of [...others, dave]) expect(client.received).toEqual([]);
    },
  );

  it('is refused at start-up if the room is not a function', () => {
    for (const room of [undefined, 'lobby', null]) {
      expect(() => Propagate({ room } as unknown as PropagateAudience)).toThrow(
        expect.objectContaining({ code: 'option.invalid' }),
      );
    }
  });
});
