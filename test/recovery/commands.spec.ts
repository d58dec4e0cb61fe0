import { afterEach, describe, expect, it } from '@jest/globals';
import { NUMBERED } from '../support/returning-client.js';
import { serverOf } from '../support/plain-gateway.js';
import { MovingUsers } from './support/moving-user.js';

describe('a command for the sockets of a user, while the client is away', () => {
  let stage: MovingUsers;
  afterEach(() => stage.close());

  const toRoom = (room: string, number: number) =>
    stage.cluster
      .instance(1)
      .propagator.emitToRoom({ room, event: NUMBERED, data: [room, number] });

  it.each<[string, () => unknown]>([
    ['leaveUser', () => stage.cluster.instance(1).propagator.leaveUser('alice', 'lobby')],
    ['socketsLeave', () => serverOf(stage.cluster, 1).in('lobby').socketsLeave('lobby')],
  ])('%s takes it out of the room, and it is recovered without', async (_, command) => {
    stage = await MovingUsers.start();
    const alice = await stage.connect('alice', 0);
    await alice.join('lobby');
    await alice.join('hall');
    const bob = await stage.connect('bob', 1);
    await bob.join('lobby');

    await stage.move(alice, 1, async () => {
      await toRoom('lobby', 1);
      await command();
      // The requests between instances keep their order.
      await serverOf(stage.cluster, 1).in('nowhere').fetchSockets();
      await toRoom('lobby', 2);
      await toRoom('hall', 3);
    });
    await toRoom('lobby', 4);
    await toRoom('hall', 5);

    expect(alice.connections).toEqual([false, true]);
    expect(await stage.settled(alice)).toEqual([1, 3, 5]);
    const inRoom = await serverOf(stage.cluster, 0).in('lobby').fetchSockets();
    expect(inRoom.map(({ id }) => id)).not.toContain(alice.socket.id);
  });

  it('disconnectUser ends its session, and it gets a new connection', async () => {
    stage = await MovingUsers.start();
    const alice = await stage.connect('alice', 0);
    await stage.send('alice', 1);
    await stage.settled(alice);

    await stage.move(alice, 1, async () => {
      await stage.send('alice', 2);
      await stage.cluster.instance(1).propagator.disconnectUser('alice');
    });

    expect(alice.connections).toEqual([false, false]);
    expect(await stage.settled(alice)).toEqual([1]);
  });
});
