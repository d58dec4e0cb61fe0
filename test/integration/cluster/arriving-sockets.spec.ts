import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DISCONNECT_EVENT } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { connectionsOf } from '../../support/connections-of.js';
import { untilDisconnected } from '../../support/until-disconnected.js';
import { Door, SlowGateway } from '../../support/slow-gateway.js';
import { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

const one = { count: 1, missing: [], complete: true };

describe('a command for a user while one of its clients is connecting', () => {
  let cluster: TestCluster;
  let door: Door;
  let arriving: TestClient;
  beforeEach(async () => {
    SlowGateway.reset();
    cluster = await givenCluster().of(2).with(SlowGateway).start();
    await untilMembersKnown(cluster);
    door = new Door();
    SlowGateway.door = door;
    arriving = TestClient.open(cluster.instance(0).url, { token: 'alice' });
    await door.knocked.promise;
    SlowGateway.door = undefined;
  });
  afterEach(async () => {
    arriving.close();
    await cluster.close();
  });
  const letIn = async (): Promise<void> => {
    door.opened.resolve();
    await arriving.connected();
  };

  it.each([0, 1])(
    'applies to that client, too: joinUser and leaveUser, from instance %d',
    async (index) => {
      const { propagator } = cluster.instance(index);
      expect(await propagator.joinUser('alice', ['lobby', 'hall', 'den'])).toEqual(one);
      expect(await propagator.leaveUser('alice', 'den')).toEqual(one);
      expect(await propagator.joinUser('bob', 'attic')).toEqual({ ...one, count: 0 });

      await letIn();

      expect(await arriving.ask('rooms')).toEqual(['lobby', 'hall']);
      await propagator.emitToRoom({ room: 'hall', event: 'x' });
      await cluster.settled(arriving);
      expect(arriving.events).toEqual(['x']);
    },
  );

  it.each([0, 1])(
    'applies to that client, too: disconnectUser, from instance %d',
    async (index) => {
      const bob = await cluster.instance(0).connect({ token: 'bob' });
      const { propagator } = cluster.instance(index);

      expect(await propagator.disconnectUser('alice', { reason: 'x' })).toEqual(one);
      expect(await propagator.disconnectUser('alice', { reason: 'y' })).toEqual(one);
      await letIn();

      await untilDisconnected(arriving);
      expect(arriving.received).toEqual([{ event: DISCONNECT_EVENT, args: [{ reason: 'y' }] }]);
      await until(
        () => SlowGateway.seen.includes('alice went'),
        () => 'the app to hear of it',
      );
      expect(SlowGateway.seen).toEqual(['bob came', 'alice came', 'alice went']);
      expect(cluster.instance(0).state.get('alice')).toEqual([]);
      await cluster.settled(bob);
      expect(bob.received).toEqual([]);
      expect(await propagator.disconnectUser('alice')).toEqual({ ...one, count: 0 });
    },
  );

  it('does not list that client among the sockets', async () => {
    const { propagator } = cluster.instance(1);
    expect((await propagator.fetchUserSockets('alice')).items).toEqual([]);
    expect(
      (await propagator.requestUser({ userId: 'alice', event: 'question' })).unanswered,
    ).toEqual([]);

    await letIn();
    expect((await propagator.fetchUserSockets('alice')).items).toHaveLength(1);
    await cluster.settled(arriving);
    expect(arriving.received).toEqual([]);
  });

  it('leaves nothing behind if the client leaves before it is connected', async () => {
    const { propagator } = cluster.instance(0);
    expect(await propagator.joinUser('alice', 'lobby')).toEqual(one);
    expect(await propagator.disconnectUser('alice')).toEqual(one);
    arriving.socket.io.engine.close();
    await until(
      async () => (await connectionsOf(cluster.instance(0))) === 0,
      () => 'the server to notice',
    );
    door.opened.resolve();
    await until(
      async () => (await propagator.disconnectUser('alice')).count === 0,
      () => 'Socket.IO to notice',
    );
    expect(SlowGateway.seen).toEqual([]);
    await until(
      async () => (await propagator.emitToRoom({ room: 'lobby', event: 'x' })).reached === false,
      () => 'the channel of the room to be given back',
    );
  });
});
