import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { RedisPropagatorService, type PacketParser } from '../../../src/index.js';
import { untilMembersKnown } from '../../support/members.js';
import { serversWith } from '../../support/servers-with.js';
import { eventsOf } from '../../support/events-of.js';
import { jsonParser } from '../../support/json-parser.js';
import { ExternalClient } from '../../support/external-client.js';
import { PlainGateway, serverOf, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

type Acknowledge = (answer: unknown) => void;

const parser: PacketParser = jsonParser;
const withParser = serversWith({ parser });

describe('servers with a parser supplied by the app', () => {
  let cluster: TestCluster;
  let external: ExternalClient;
  beforeEach(() => {
    external = new ExternalClient();
  });
  afterEach(async () => {
    external.close();
    await cluster.close();
  });

  const start = async (): Promise<[TestClient, TestClient]> => {
    cluster = await givenCluster().of(2).with(PlainGateway).prepared(withParser).start();
    await untilMembersKnown(cluster);
    return [
      await cluster.instance(0).connect({ token: 'alice', parser: jsonParser }),
      await cluster.instance(1).connect({ token: 'bob', parser: jsonParser }),
    ];
  };

  it('support all kinds of events', async () => {
    const [alice, bob] = await start();
    await alice.ask('join', 'lobby');
    const far = serverOf(cluster, 1);

    far.emit('all', 1, { two: [2] }, null);
    far.to('lobby').emit('room');
    far.except('lobby').emit('others');
    socketOf(cluster, bob.id).broadcast.emit('broadcast');
    far.in('lobby').socketsJoin('hall');
    far.to(['hall', 'lobby']).emit('rooms');
    await cluster.instance(1).propagator.emitToUser({ userId: 'alice', event: 'user' });
    alice.socket.on('question', (n: number, answer: Acknowledge) => answer({ n }));

    expect(await far.to('lobby').emitWithAck('question', 7)).toEqual([{ n: 7 }]);
    expect(
      await cluster
        .instance(1)
        .propagator.requestUser({ userId: 'alice', event: 'question', data: 8 }),
    ).toMatchObject({ items: [{ answer: { n: 8 } }], complete: true });
    await cluster.settled(alice, bob);
    expect(eventsOf(alice)).toEqual([
      'all',
      'room',
      'broadcast',
      'rooms',
      'user',
      'question',
      'question',
    ]);
    expect(alice.received[0]?.args).toEqual([1, { two: [2] }, null]);
    expect(eventsOf(bob)).toEqual(['all', 'others']);
    expect(cluster.instances.map(({ counts }) => counts)).toEqual([{}, {}]);
  });

  it('deliver JSON from outside', async () => {
    const [alice, bob] = await start();

    await external.publish(cluster.channel('user:alice'), { event: 'outside', data: { a: 1 } });

    await alice.waitFor('outside');
    await cluster.settled(alice, bob);
    expect(alice.data('outside')).toEqual([{ a: 1 }]);
    expect(bob.received).toEqual([]);
  });

  it('deliver events of a worker without gateways, which gets the parser by the option', async () => {
    const [alice, bob] = await start();
    const worker = await cluster.startWorkerWith({ parser });

    const receipt = await worker.get(RedisPropagatorService).emitToAll({ event: 'x', data: [1] });

    expect(receipt).toEqual({ localSockets: 0, remoteInstances: 2, reached: true });
    for (const client of [alice, bob]) expect(await client.waitFor('x')).toEqual([[1]]);
    expect(cluster.instances.map(({ counts }) => counts)).toEqual([{}, {}]);
  });

  it('read events of an instance with the standard parser', async () => {
    const [alice, bob] = await start();
    const worker = await cluster.startWorker();

    await worker.get(RedisPropagatorService).emitToUser({ userId: 'alice', event: 'x', data: [1] });

    expect(await alice.waitFor('x')).toEqual([[1]]);
    await cluster.settled(alice, bob);
    expect(bob.received).toEqual([]);
    expect(cluster.instances.map(({ counts }) => counts)).toEqual([{}, {}]);
  });

  it('drop and count events that they cannot read', async () => {
    const [alice, bob] = await start();
    // An envelope of the standard parser whose text begins like an event but is not one.
    const header = Buffer.alloc(28, 7);
    header.set([1, 0, 0, 0, 0, 0, 0, 28]);
    const text = Buffer.from('42[no packet');
    const envelope = Buffer.concat([header, Buffer.from([0x81, text.length]), text]);

    await external.publish(cluster.channel('all'), envelope);

    await cluster.settled(alice, bob);
    expect([alice, bob].map(eventsOf)).toEqual([[], []]);
    for (const { counts } of cluster.instances) {
      expect(counts).toEqual({ 'message.parser-mismatch': 1 });
    }
  });
});

describe('an instance with the standard parser and another with its own parser', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  it('drops and counts the events of the other one, and keeps running', async () => {
    const custom = new Set<INestApplication>();
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .prepared((app) => {
        if (custom.size > 0) return;
        custom.add(app);
        withParser(app);
      })
      .start();
    const alice = await cluster.instance(0).connect({ parser: jsonParser });
    const bob = await cluster.instance(1).connect();

    serverOf(cluster, 0).emit('of the custom parser');
    serverOf(cluster, 1).emit('of the standard parser');

    await alice.waitFor('of the standard parser');
    // The markers of `settled` are events, too: those of the first instance do not arrive at bob.
    await serverOf(cluster, 0).fetchSockets();
    await cluster.instance(1).served(bob);
    expect(eventsOf(alice)).toEqual(['of the custom parser', 'of the standard parser']);
    expect(eventsOf(bob)).toEqual(['of the standard parser']);
    expect(cluster.instance(0).counts).toEqual({});
    expect(cluster.instance(1).counts).toEqual({ 'message.parser-mismatch': 1 });
    expect(cluster.logger.matching(/^warn message\.parser-mismatch: /)).toHaveLength(1);
  });
});
