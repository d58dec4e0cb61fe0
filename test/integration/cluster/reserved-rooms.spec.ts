import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AUTHENTICATED_ROOM, userRoom } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { ExternalClient } from '../../support/external-client.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

const SECRETS = [userRoom('alice'), AUTHENTICATED_ROOM];

describe('the reserved rooms', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  let mallory: TestClient;
  let alice: TestClient;
  beforeEach(async () => {
    external = new ExternalClient();
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    await untilMembersKnown(cluster);
    mallory = await cluster.instance(0).connect();
    alice = await cluster.instance(1).connect({ token: 'alice' });
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const malloryOnOther = async () => {
    const [socket] = await serverOf(cluster, 1).in(mallory.id).fetchSockets();
    if (socket === undefined) throw new Error('no socket');
    return socket;
  };

  const attempts: [how: string, enter: () => unknown][] = [
    ['join of the socket', () => socketOf(cluster, mallory.id).join(SECRETS)],
    ['join of a client', () => mallory.ask('join', ['lobby', ...SECRETS])],
    ['socketsJoin here', () => serverOf(cluster, 0).socketsJoin(SECRETS)],
    ['socketsJoin from the other instance', () => serverOf(cluster, 1).socketsJoin(SECRETS)],
    ['local.socketsJoin', () => serverOf(cluster, 0).local.socketsJoin(SECRETS)],
    ['join of a remote socket', async () => (await malloryOnOther()).join(SECRETS)],
    [
      'JSON from outside',
      async () => {
        const join = { event: 'join', data: SECRETS, rooms: SECRETS, targets: SECRETS };
        for (const channel of ['all', 'authenticated', 'user:alice', `room:${mallory.id}`]) {
          await external.publish(cluster.channel(channel), join);
        }
        await external.publish(`${cluster.prefix}:cluster`, { type: 'request', ...join });
      },
    ],
  ];

  it.each(attempts)('are not entered by %s', async (_, enter) => {
    await enter();
    // After all earlier messages to the other instance.
    await serverOf(cluster, 1).fetchSockets();
    mallory.received.length = 0;

    expect(
      await cluster.instance(1).propagator.emitToUser({ userId: 'alice', event: 'secret' }),
    ).toEqual({ localSockets: 1, remoteInstances: 0, reached: true });
    await cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'secret' });
    await cluster.instance(1).propagator.emitToAuthenticated({ event: 'secret' });
    for (const room of SECRETS) {
      serverOf(cluster, 0).to(room).emit('secret');
      serverOf(cluster, 1).to([room, 'nowhere']).emit('secret');
    }

    await cluster.settled(mallory, alice);
    expect(mallory.received).toEqual([]);
    expect(alice.data('secret')).toHaveLength(7);
    expect((await serverOf(cluster, 1).in(SECRETS).fetchSockets()).map(({ id }) => id)).toEqual([
      alice.id,
    ]);
  });

  it('are refused with an error by joinUser, emitToRoom and leaveUser', async () => {
    const { propagator } = cluster.instance(0);
    const refused = { name: 'PropagatorError', code: 'target.invalid' };
    await cluster.instance(0).connect({ token: 'bob' });

    for (const room of SECRETS) {
      await expect(propagator.joinUser('bob', room)).rejects.toMatchObject(refused);
      await expect(propagator.joinUser('bob', ['lobby', room])).rejects.toMatchObject(refused);
      await expect(propagator.leaveUser('alice', room)).rejects.toMatchObject(refused);
      await expect(propagator.emitToRoom({ room, event: 'x' })).rejects.toMatchObject(refused);
    }

    await cluster.settled(alice);
    expect(alice.received).toEqual([]);
    expect(await serverOf(cluster, 0).in('lobby').fetchSockets()).toEqual([]);
  });

  it('cannot be left by name', async () => {
    const socket = socketOf(cluster, alice.id);
    for (const room of SECRETS) {
      await socket.leave(room);
      await alice.ask('leave', room);
    }
    serverOf(cluster, 1).local.socketsLeave(SECRETS);
    serverOf(cluster, 0).socketsLeave(SECRETS);
    const [remote] = await serverOf(cluster, 0).in(alice.id).fetchSockets();
    for (const room of SECRETS) remote?.leave(room);
    await serverOf(cluster, 0).fetchSockets();

    await cluster.instance(0).propagator.emitToUser({ userId: 'alice', event: 'user' });
    await cluster.instance(0).propagator.emitToAuthenticated({ event: 'authenticated' });

    await cluster.settled(alice);
    expect(alice.received.map(({ event }) => event)).toEqual(['user', 'authenticated']);
  });

  it('count and log each attempt', async () => {
    await mallory.ask('join', SECRETS);

    expect(cluster.instance(0).counts).toEqual({ 'room.reserved': 2 });
    expect(cluster.logger.matching(/^warn room\.reserved: /)).toEqual([
      `warn room.reserved: socket ${mallory.id} was kept out of room "${userRoom('alice')}"`,
    ]);
  });
});

describe('room names that are invalid', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it.each([
    [null],
    [undefined],
    [true],
    [{}],
    [['nested']],
    [{ toString: 'from a client' }],
    [''],
    [Symbol('room')],
    ['half a \ud83d character'],
  ])('such as %p are not entered, and events for them reach no socket', async (room: unknown) => {
    cluster = await givenCluster().of(2).with(PlainGateway).start();
    const clients = [await cluster.instance(0).connect(), await cluster.instance(1).connect()];
    const server = serverOf(cluster, 0);

    for (const { id } of clients) await socketOf(cluster, id).join([room] as never);
    server.to([room] as never).emit('x');
    server.in([room] as never).socketsJoin('lobby');
    server.in([room] as never).disconnectSockets();
    server.socketsJoin([room] as never);
    server.socketsLeave([room] as never);
    expect(await server.in([room] as never).fetchSockets()).toEqual([]);
    server.to('lobby').emit('x');
    server.except([room] as never).emit('for all');

    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.received.map(({ event }) => event)).toEqual(['for all']);
    }
    expect(cluster.instance(1).counts).toEqual({ 'room.invalid': 1 });
    await expect(
      cluster.instance(0).propagator.emitToRoom({ room: room as string, event: 'x' }),
    ).rejects.toMatchObject({ code: 'target.invalid' });
  });
});
