import { afterEach, describe, expect, it } from '@jest/globals';
import type { Namespace, Socket } from 'socket.io';
import type { NamespaceAdapter } from '../../../src/socket-io/adapter/namespace-adapter.js';
import { untilMembersKnown } from '../../support/members.js';
import { namespaceOf, PlainGateway } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

const CROWD = '/crowd';
const SOCKETS = 3_000;

const idsOf = (sockets: readonly { id: string }[]): string[] => sockets.map(({ id }) => id).sort();

describe('thousands of sockets on one instance', () => {
  let cluster: TestCluster;
  let nsp: Namespace;
  let turn: number;
  let isOver: boolean;
  /** The number of sockets described in each turn of the event loop. */
  let described: number[];

  afterEach(async () => {
    isOver = true;
    nsp.sockets.clear();
    nsp.adapter.sids.clear();
    await cluster.close();
  });

  /** Sockets of alice without a connection, on the first of two instances. */
  const givenCrowd = async (): Promise<Socket[]> => {
    cluster = await givenCluster().of(2).with(PlainGateway).onInMemoryPubSub().start();
    await untilMembersKnown(cluster);
    nsp = namespaceOf(cluster, 0, CROWD);
    namespaceOf(cluster, 1, CROWD);
    const { endpoint } = nsp.adapter as NamespaceAdapter;
    const sockets = Array.from({ length: SOCKETS }, (_, n) => fakeSocket(`socket-${n}`));
    for (const socket of sockets) {
      nsp.sockets.set(socket.id, socket as never);
      await endpoint.admit(socket, { userId: 'alice', sessionId: 'one' });
    }
    turn = 0;
    described = [];
    isOver = false;
    return sockets;
  };

  const fakeSocket = (id: string): Socket => {
    const fake = {
      id,
      connected: true,
      rooms: new Set([id, 'room']),
      handshake: { headers: {}, auth: {}, query: {}, url: '/' },
      get data(): object {
        described[turn] = (described[turn] ?? 0) + 1;
        return { name: id };
      },
    };
    return fake as unknown as Socket;
  };

  /** Calls back in each turn of the event loop. */
  const eachTurn = (act: () => void): void => {
    const next = (): void => {
      if (isOver) return;
      turn++;
      act();
      setImmediate(next);
    };
    setImmediate(next);
  };

  it.each([
    ['that is asked by another one', 1],
    ['that asks itself', 0],
  ])(
    'are described in many turns of the event loop, each socket once, by an instance %s',
    async (_, asking) => {
      const sockets = await givenCrowd();
      eachTurn(() => undefined);

      const { items, missing, complete } = await cluster
        .instance(asking)
        .propagator.fetchUserSockets('alice', { namespace: CROWD });

      expect({ missing, complete }).toEqual({ missing: [], complete: true });
      expect(idsOf(items)).toEqual(idsOf(sockets));
      // Two steps may fall into one turn as this test counts them.
      expect(Math.max(...described.filter((count) => count > 0))).toBeLessThanOrEqual(500);
    },
  );

  it('are left out if they leave before their turn', async () => {
    const sockets = await givenCrowd();
    const leaving = sockets.slice(-300);
    eachTurn(() => {
      for (const socket of leaving) Object.assign(socket, { connected: false });
    });

    const found = await namespaceOf(cluster, 1, CROWD).fetchSockets();

    expect(idsOf(found)).toEqual(idsOf(sockets.slice(0, -300)));
    expect(cluster.instance(1).counts['request.incomplete']).toBeUndefined();
  });

  it.each(['allSockets', 'allRooms'] as const)(
    'are named in parts by %s, none larger than the maximum number of names',
    async (call) => {
      const sockets = await givenCrowd();
      const { adapter } = nsp as unknown as { adapter: NamespaceAdapter };
      for (const { id } of sockets) adapter.rooms.set(`room of ${id}`, new Set([id]));
      const { pubSub } = cluster.instance(0);
      const publish = pubSub.publish.bind(pubSub);
      const names: number[] = [];
      pubSub.publish = (channel, bytes) => {
        const count = bytes.toString('latin1').split('"socket-').length - 1;
        const rooms = bytes.toString('latin1').split('"room of socket-').length - 1;
        if (count + rooms > 0) names.push(count + rooms);
        return publish(channel, bytes);
      };

      const asking = namespaceOf(cluster, 1, CROWD);
      const found =
        call === 'allRooms'
          ? await (asking.adapter as NamespaceAdapter).allRooms()
          : await asking.adapter.sockets(new Set());
      const prefix = call === 'allRooms' ? 'room of ' : '';
      expect([...found].sort()).toEqual(sockets.map(({ id }) => `${prefix}${id}`).sort());
      expect(names).toEqual([2_500, SOCKETS - 2_500]);
    },
  );
});
