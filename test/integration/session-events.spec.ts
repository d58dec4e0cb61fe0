import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import * as parser from 'socket.io-parser';
import { Propagate, RedisPropagatorInterceptor, type Identity } from '../../src/index.js';
import { encodePacket } from '../../src/wire/encode-packet.js';
import { encodeEnvelope } from '../../src/wire/envelope.js';
import { untilMembersKnown } from '../support/members.js';
import { inAnyOrder } from '../support/events-of.js';
import { untilDisconnected } from '../support/until-disconnected.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { ExternalClient } from '../support/external-client.js';
import { PlainGateway, serverOf, socketOf } from '../support/plain-gateway.js';
import type { TestClient } from '../support/test-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';

type Acknowledge = (answer: unknown) => void;
type Said = WsResponse<string>;

const all = (count: number) => ({ count, missing: [], complete: true });

@UseInterceptors(RedisPropagatorInterceptor)
@WebSocketGateway()
class SayingGateway {
  private readonly said: Said = { event: 'said', data: 'x' };

  @SubscribeMessage('to the user')
  toUser(): Said {
    return this.said;
  }

  @Propagate({ audience: 'user' })
  @SubscribeMessage('to the user, in other words')
  toUserInOtherWords(): Said {
    return this.said;
  }

  @Propagate({ audience: 'user', except: 'session' })
  @SubscribeMessage('to other sessions')
  toOtherSessions(): Said {
    return this.said;
  }

  @Propagate({ audience: 'authenticated', except: 'session' })
  @SubscribeMessage('to the authenticated of other sessions')
  toAuthenticated(): Said {
    return this.said;
  }

  @Propagate({ audience: 'all', except: 'session' })
  @SubscribeMessage('to all of other sessions')
  toAll(): Said {
    return this.said;
  }

  @Propagate({ room: () => 'lobby', except: 'session' })
  @SubscribeMessage('to a room of other sessions')
  toRoom(): Said {
    return this.said;
  }
}

const token = (userId: string, sid: string): string => tokenFor({ userId, sid } satisfies Identity);

describe.each([
  ['without', {}],
  ['with', { recovery: {} }],
])('events and sessions, %s connection recovery', (_, options) => {
  let cluster: TestCluster;
  let external: ExternalClient;
  /** Alice's phone, twice on the first instance and once on the second; her laptop on the second; bob's phone, too. */
  let phones: [TestClient, TestClient, TestClient];
  let laptop: TestClient;
  let bob: TestClient;
  let anonymous: TestClient;
  beforeEach(async () => {
    external = new ExternalClient();
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway, SayingGateway)
      .configured({ auth: JSON_TOKENS, ...options })
      .start();
    await untilMembersKnown(cluster);
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const phone = { token: token('alice', 'phone') };
    phones = [await a.connect(phone), await a.connect(phone), await b.connect(phone)];
    laptop = await b.connect({ token: token('alice', 'laptop') });
    // The app chooses session ids, which may not be unique.
    bob = await b.connect({ token: token('bob', 'phone') });
    anonymous = await a.connect();
    for (const client of everybody()) await client.ask('join', 'lobby');
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const everybody = (): TestClient[] => [...phones, laptop, bob, anonymous];
  const names = (): Map<TestClient, string> =>
    new Map([
      ...phones.map((phone, index) => [phone, `phone ${index}`] as const),
      [laptop, 'laptop'],
      [bob, 'bob'],
      [anonymous, 'anonymous'],
    ]);
  /** Sockets that got an event, each once. */
  const whoGot = async (event: string): Promise<string> => {
    await cluster.settled(...everybody());
    const got = [...names()].flatMap(([client, name]) => client.data(event).map(() => name));
    return got.join(', ');
  };
  const PHONES = 'phone 0, phone 1, phone 2';

  it.each([0, 1])('emitToUser reaches one session of the user, from instance %d', async (index) => {
    const { propagator } = cluster.instance(index);
    const to = (sessionId: string) =>
      propagator.emitToUser({ userId: 'alice', sessionId, event: sessionId });

    expect(await to('phone')).toEqual({
      localSockets: [2, 1][index],
      remoteInstances: 1,
      reached: true,
    });
    await to('laptop');
    await to('nobody');

    expect(await whoGot('phone')).toBe(PHONES);
    expect(await whoGot('laptop')).toBe('laptop');
    expect(await whoGot('nobody')).toBe('');
  });

  it('emitToUser, emitToRoom, emitToAuthenticated and emitToAll leave out a session', async () => {
    const { propagator } = cluster.instance(1);
    const exceptSessionId = 'phone';
    await propagator.emitToUser({ userId: 'alice', event: 'user', exceptSessionId });
    await propagator.emitToUsers({ userIds: ['alice', 'bob'], event: 'users', exceptSessionId });
    await propagator.emitToRoom({ room: 'lobby', event: 'room', exceptSessionId });
    await propagator.emitToAuthenticated({ event: 'authenticated', exceptSessionId });
    await propagator.of('/').emitToAll({ event: 'all', exceptSessionId });
    await propagator.emitToUser({
      userId: 'alice',
      sessionId: 'phone',
      event: 'both',
      exceptSocketId: phones[1].id,
    });

    expect(await whoGot('user')).toBe('laptop');
    expect(await whoGot('users')).toBe('laptop');
    expect(await whoGot('room')).toBe('laptop, anonymous');
    expect(await whoGot('authenticated')).toBe('laptop');
    expect(await whoGot('all')).toBe('laptop, anonymous');
    expect(await whoGot('both')).toBe('phone 0, phone 2');
  });

  it('propagateEvent leaves out a session', async () => {
    const caused = { userId: 'alice', socketId: phones[0].id };
    const { propagator } = cluster.instance(0);
    await propagator.propagateEvent({ ...caused, event: 'x', exceptSessionId: 'phone' });
    await propagator.propagateEvent({ ...caused, event: 'y' });

    expect(await whoGot('x')).toBe('laptop');
    expect(await whoGot('y')).toBe('phone 1, phone 2, laptop');
  });

  it('requestUser asks one session, or all but one', async () => {
    for (const [client, name] of names()) {
      client.socket.on('question', (answer: Acknowledge) => answer(name));
    }
    const { propagator } = cluster.instance(0);
    const ask = async (selection: object): Promise<unknown[]> => {
      const request = { userId: 'alice', event: 'question', ...selection };
      const { items, ...rest } = await propagator.requestUser(request);
      expect(rest).toEqual({ unanswered: [], missing: [], complete: true });
      return inAnyOrder(items.map(({ answer }) => answer));
    };

    expect(await ask({ sessionId: 'phone' })).toEqual(PHONES.split(', '));
    expect(await ask({ exceptSessionId: 'phone' })).toEqual(['laptop']);
    expect(await ask({ sessionId: 'nobody' })).toEqual([]);
  });

  it('disconnectUser disconnects one session, or all but one', async () => {
    const { propagator } = cluster.instance(0);
    expect(await propagator.disconnectUser('alice', { exceptSessionId: 'phone' })).toEqual(all(1));
    await untilDisconnected(laptop);
    expect(await propagator.disconnectUser('alice', { sessionId: 'phone' })).toEqual(all(3));
    await Promise.all(phones.map(untilDisconnected));

    await cluster.settled(bob, anonymous);
    for (const client of [bob, anonymous]) expect(client.socket.connected).toBe(true);
  });

  it.each([
    ['to the user', 'phone 0, phone 1, phone 2, laptop'],
    ['to the user, in other words', 'phone 0, phone 1, phone 2, laptop'],
    ['to other sessions', 'phone 0, laptop'],
    ['to the authenticated of other sessions', 'phone 0, laptop'],
    ['to all of other sessions', 'phone 0, laptop, anonymous'],
    ['to a room of other sessions', 'phone 0, laptop, anonymous'],
  ])('@Propagate sends %s', async (message, audience) => {
    phones[0].emit(message);
    await phones[0].waitFor('said');

    expect(await whoGot('said')).toBe(audience);
  });

  it('@Propagate leaves out only the socket if it has no session', async () => {
    anonymous.emit('to all of other sessions');
    await anonymous.waitFor('said');

    expect(await whoGot('said')).toBe(`${PHONES}, laptop, bob, anonymous`);
  });

  it('the room of a session cannot be entered, left or seen by name', async () => {
    const room = 'propagator#session:phone';
    await anonymous.ask('join', room);
    await laptop.ask('join', room);
    await phones[0].ask('leave', room);
    serverOf(cluster, 1).socketsJoin(room);
    serverOf(cluster, 1).socketsLeave(room);
    await serverOf(cluster, 1).fetchSockets();

    await cluster.instance(0).propagator.emitToUser({
      userId: 'alice',
      sessionId: 'phone',
      event: 'secret',
    });

    expect(await whoGot('secret')).toBe(PHONES);
    expect(serverOf(cluster, 0).sockets.adapter.rooms.has(room)).toBe(false);
    const { items } = await cluster.instance(0).propagator.fetchUserSockets('alice');
    for (const { rooms } of items) expect(rooms.filter((name) => name.includes('#'))).toEqual([]);
  });

  it('a message on a channel reaches only sockets of that channel, whatever rooms it names', async () => {
    const { id } = socketOf(cluster, bob.id);
    const send = async (channel: string, rooms: string[]): Promise<void> => {
      const packet = { type: 2, nsp: '/', data: ['forged', channel] };
      const header = {
        origin: randomBytes(8),
        sequence: 1,
        sentAt: Date.now(),
        volatile: false,
        compress: true,
        customParser: false,
        except: [],
        rooms,
      };
      const { bytes } = encodeEnvelope(header, encodePacket(new parser.Encoder(), packet));
      expect(await external.publish(cluster.channel(channel), bytes)).toBeGreaterThan(0);
    };
    const everywhere = ['lobby', 'propagator#user:bob', 'propagator#session:phone', id];

    await send('user:alice', everywhere);
    await cluster.settled(...everybody());
    expect(inAnyOrder(laptop.data('forged'))).toEqual(['user:alice']);
    expect(bob.data('forged')).toEqual([]);
    expect(anonymous.data('forged')).toEqual([]);

    await send('user:alice', ['propagator#user:bob', id]);
    await send('authenticated', ['lobby']);
    await send('room:lobby', ['propagator#session:laptop']);
    await send('all', ['propagator#session:laptop']);
    await cluster.settled(...everybody());
    expect(laptop.data('forged')).toEqual(['user:alice', 'authenticated', 'room:lobby', 'all']);
    expect(bob.data('forged')).toEqual(['authenticated']);
    expect(anonymous.data('forged')).toEqual([]);
  });

  it('a session has no channel of its own', async () => {
    const channels = await external.channels(cluster.prefix);
    expect(channels.filter((name) => name.includes('session'))).toEqual([]);
    expect(channels).toContain(cluster.channel('user:alice'));
  });

  it('an invalid session id is refused, and no client gets anything', async () => {
    const { propagator } = cluster.instance(0);
    const wrong = { userId: 'alice', event: 'x' };
    for (const sessionId of ['', 'x'.repeat(257), {} as never, null as never]) {
      const calls = [
        propagator.emitToUser({ ...wrong, exceptSessionId: sessionId }),
        propagator.requestUser({ ...wrong, exceptSessionId: sessionId }),
        propagator.propagateEvent({ ...wrong, exceptSessionId: sessionId }),
        propagator.disconnectUser('alice', { exceptSessionId: sessionId }),
        propagator.emitToAll({ event: 'x', exceptSessionId: sessionId }),
        propagator.emitToUser({ ...wrong, sessionId }),
        propagator.requestUser({ ...wrong, sessionId }),
        propagator.disconnectUser('alice', { sessionId }),
      ];
      for (const call of calls)
        await expect(call).rejects.toMatchObject({ code: 'target.invalid' });
    }
    expect(await whoGot('x')).toBe('');
    for (const client of everybody()) expect(client.socket.connected).toBe(true);
  });
});

describe('@Propagate', () => {
  it.each([
    [{ audience: 'user', except: 'nobody' }],
    [{ audience: 'everybody' }],
    [{ audience: false }],
    [{ audience: 'user', room: () => 'x' }],
    [{ room: 'x', except: 'session' }],
    [{ except: 'session' }],
    [{}],
    [null],
  ])('refuses %j when the app is loaded', (audience) => {
    expect(() => Propagate(audience as never)).toThrow(
      expect.objectContaining({ code: 'option.invalid' }),
    );
  });
});
