import {
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import { UseInterceptors } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import { RedisPropagatorInterceptor, SessionService } from '../../src/index.js';
import { untilMembersKnown } from '../support/members.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class AskGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('ask')
  ask(): WsResponse<string> {
    return { event: 'answer', data: 'x' };
  }
}

/** As a library of the app may leave it behind. */
function pollute(): void {
  // oxlint-disable-next-line no-extend-native
  Object.defineProperty(Object.prototype, 'polluted', {
    value: { depth: 1 },
    enumerable: true,
    writable: true,
    configurable: true,
  });
}

describe('an enumerable property on Object.prototype', () => {
  let cluster: TestCluster;
  afterEach(async () => {
    delete (Object.prototype as { polluted?: unknown }).polluted;
    await cluster.close();
  });

  it('changes nothing for events, requests, sessions, and the end of an instance with clients', async () => {
    cluster = await givenCluster().with(AskGateway).start();
    await untilMembersKnown(cluster);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    pollute();
    const alice = await a.connect({ token: 'alice' });
    const phone = await b.connect({ token: 'alice' });
    for (const { socket } of [alice, phone]) {
      socket.on('question', (answer: (text: string) => void) => answer('yes'));
    }

    alice.emit('ask');
    await phone.waitFor('answer');
    a.app
      .get(AskGateway)
      .server.to('propagator#authenticated')
      .emit('told', { deep: { er: 1 } });
    await phone.waitFor('told');
    const asked = await a.propagator.requestUser({ userId: 'alice', event: 'question' });
    const sockets = await a.propagator.fetchUserSockets('alice');
    const sessions = await a.app.get(SessionService).sessions('alice');

    expect(asked.items.map(({ answer }) => answer)).toEqual(['yes', 'yes']);
    expect(sockets.items.map(({ id }) => id).sort()).toEqual([alice.id, phone.id].sort());
    expect(sessions.items).toHaveLength(2);
    expect(phone.data('told')).toEqual([{ deep: { er: 1 } }]);
    await b.app.close();
    await a.served(alice);
    expect(alice.events).toEqual(['answer', 'told', 'question']);
    expect([a.counts, b.counts]).toEqual([{}, {}]);
  });
});
