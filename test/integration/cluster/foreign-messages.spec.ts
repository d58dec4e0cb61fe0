import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ClusterMessage } from '../../../src/wire/cluster-message.js';
import { instanceIdOf, othersOf } from '../../support/members.js';
import { FakeInstance } from '../../support/fake-instance.js';
import { PlainGateway, socketOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** Messages that no version of this library sends. Only this test can publish on these channels. */
const message = (content: object): ClusterMessage => content as unknown as ClusterMessage;

const question = (operation: string, params: unknown, id = 1): ClusterMessage => ({
  type: 'request',
  id,
  operation,
  params,
  timeoutMs: 1_000,
});

describe('a message from another instance', () => {
  let cluster: TestCluster;
  let a: TestInstance;
  let alice: TestClient;
  let fake: FakeInstance;
  beforeEach(async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    a = cluster.instance(0);
    alice = await a.connect({ token: 'alice' });
    fake = await FakeInstance.memberOf(cluster);
  });
  afterEach(async () => {
    fake.close();
    await cluster.close();
  });
  /** Waits until all messages of the fake are processed and the instance still replies. */
  const livesOn = async (): Promise<void> => {
    fake.replies.length = 0;
    await fake.sendToAll(question('ids', { namespace: '/', rooms: [], except: [] }, 999));
    await until(
      () => fake.replies.some(({ id, done }) => id === 999 && done),
      () => 'an answer',
    );
    expect(fake.replies.find(({ id }) => id === 999)).toMatchObject({ part: [alice.id] });
    await cluster.settled(alice);
    expect(alice.socket.connected).toBe(true);
  };
  const answerTo = (id: number): Promise<void> =>
    until(
      () => fake.replies.some((reply) => reply.id === id && reply.done),
      () => `the answer ${id}`,
    );

  it('gets a reply if it is an unknown operation, and is logged once', async () => {
    for (const id of [1, 2, 3]) await fake.sendToAll(question('teleport', { any: 'thing' }, id));

    await answerTo(3);
    expect(fake.replies).toEqual(
      [1, 2, 3].map((id) => ({ type: 'reply', id, done: true, error: 'unknown operation' })),
    );
    expect(a.counts).toEqual({ 'request.unknown': 3 });
    expect(cluster.logger.matching(/^warn request\.unknown: .*"teleport"/)).toHaveLength(1);
    await livesOn();
  });

  it.each([
    ['fetch', undefined],
    ['fetch', { namespace: 7, rooms: [], except: [] }],
    ['ids', { namespace: '/', rooms: 'all', except: [] }],
    ['ids', { namespace: '/', rooms: [7], except: [] }],
    ['rooms', null],
    ['join', { namespace: '/', rooms: [], except: [] }],
    ['leave', { namespace: '/', rooms: [], except: [], targets: [{}] }],
    ['disconnect', 'everybody'],
    ['ask', { namespace: '/', rooms: [], except: [], data: 'no list' }],
    ['ask', null],
    ['server-side-emit', { namespace: '/', args: 'no list' }],
  ])('gets a failure as the reply if it is the request "%s" with %j', async (operation, params) => {
    await fake.sendToAll(question(operation, params));

    await answerTo(1);
    expect(fake.replies).toEqual([{ type: 'reply', id: 1, done: true, error: 'failed' }]);
    expect(a.counts).toEqual({ 'request.failed': 1 });
    await livesOn();
    expect(alice.received).toEqual([]);
  });

  it('cannot add a socket to the reserved rooms', async () => {
    const targets = ['propagator#user:bob', 'lobby'];
    await fake.sendToAll(question('join', { namespace: '/', rooms: [], except: [], targets }));

    await answerTo(1);
    expect([...socketOf(cluster, alice.id).rooms]).toContain('lobby');
    expect([...socketOf(cluster, alice.id).rooms]).not.toContain('propagator#user:bob');
    expect(a.counts).toEqual({ 'room.reserved': 1 });
  });

  it('is ignored if it is of a later version, and is logged once', async () => {
    const bytes = fake.encoded(fake.presence('heartbeat'));
    const laterVersion = Buffer.from(bytes);
    laterVersion[0] = 3;
    const laterKind = Buffer.from(bytes);
    laterKind[1] = 7;
    for (let n = 0; n < 3; n++) {
      await fake.publish('cluster', laterVersion);
      await fake.publish('cluster', laterKind);
      await fake.sendToAll(message({ type: 'gossip', with: 'anything' }));
      // The same holds for events of a later version.
      await fake.publish('/:all', laterVersion);
    }

    await livesOn();
    expect(a.counts).toEqual({ 'message.unknown-version': 6, 'message.unknown-kind': 6 });
    expect(cluster.logger.matching(/^warn message\.unknown-version/)).toHaveLength(1);
    expect(cluster.logger.matching(/^warn message\.unknown-kind/)).toHaveLength(1);
  });

  it('is dropped and counted if it is not a valid message', async () => {
    for (const bytes of [Buffer.from([1, 1, 0]), fake.encoded(message({ type: 'reply' }))]) {
      await fake.publish('cluster', bytes);
      await fake.publish(`reply:${instanceIdOf(a)}`, bytes);
    }
    await fake.publish('cluster', Buffer.from('{"event":"x"}'));

    await livesOn();
    expect(a.counts).toEqual({ 'message.malformed': 4, 'message.unknown-version': 1 });
  });

  it.each([[null], [7], [{}], [{ id: 'a', rooms: 'all', data: {}, handshake: {} }]])(
    'is reported, and does not count as a reply, if it describes no socket: %j',
    async (item) => {
      const fetching = a.propagator.fetchUserSockets('nobody');
      await fake.answer(await fake.asked(), { part: [item], done: true });
      await until(
        () => a.counts['message.malformed'] === 1,
        () => JSON.stringify(a.counts),
      );
      await fake.announce('bye');
      expect(await fetching).toMatchObject({ items: [] });
      await fake.announce('hello');
      await livesOn();
    },
  );

  it('cannot create clients or namespaces by a server-side event', async () => {
    const args = ['connection', { id: 'made-up' }];
    await fake.sendToAll(question('server-side-emit', { namespace: '/', args, withAck: false }));

    await answerTo(1);
    expect(fake.replies).toEqual([{ type: 'reply', id: 1, done: true, error: 'failed' }]);
    await livesOn();
  });

  it('is counted and ignored if it is a reply that is late, repeated, or without a request', async () => {
    const fetching = a.propagator.fetchUserSockets('nobody');
    const asked = await fake.asked();
    const first = { id: 'first', rooms: [], data: {}, handshake: {} };
    await fake.answer(asked, { part: [first] });
    await fake.answer(asked, { part: [{ ...first, id: 'twice' }] });
    const { items } = await fetching;
    await fake.answer(asked, { part: [{ id: 'late' }] });
    await fake.sendTo(instanceIdOf(a), {
      type: 'reply',
      id: 77,
      done: true,
      part: [{ id: 'none' }],
    });

    await livesOn();
    expect(items).toEqual([first]);
    expect(a.counts).toEqual({ 'reply.unexpected': 3 });
  });

  it.each([[7], [null], ['text'], [{ asked: 'no list' }], [{ asked: [7] }]])(
    'is counted, and does not count as a reply, if it is an impossible reply: %j',
    async (part: unknown) => {
      const asking = a.propagator.requestUser({ userId: 'nobody', event: 'x' });
      const asked = await fake.asked();
      await fake.answer(asked, { part, done: false });
      await fake.answer(asked);

      const missing = [fake.instanceId];
      expect(await asking).toEqual({ items: [], unanswered: [], missing, complete: false });
      expect(a.counts).toEqual({ 'message.malformed': 1 });
      await livesOn();
    },
  );

  it('is counted and ignored if it claims to be from this instance', async () => {
    const own = instanceIdOf(a);
    const fetching = a.propagator.fetchUserSockets('nobody');
    const asked = await fake.asked();

    await fake.sendTo(
      own,
      { type: 'reply', id: asked.message.id, done: true, part: [{ id: 'forged' }] },
      own,
    );
    await fake.sendToAll({ ...question('disconnect', {}), id: 1_000_000 } as ClusterMessage, own);
    await fake.sendToAll({ ...fake.presence('heartbeat'), beat: 1_000_000 } as ClusterMessage, own);
    await fake.sendToAll({ ...fake.presence('bye'), beat: 1_000_000 } as ClusterMessage, own);
    await fake.answer(asked);

    expect(await fetching).toEqual({ items: [], missing: [], complete: true });
    await livesOn();
    expect(a.counts).toEqual({ 'message.forged': 4 });
    expect(othersOf(a).map(({ instanceId }) => instanceId)).toEqual([fake.instanceId]);
    expect(
      cluster.logger.matching(/^warn message\.forged: a \w+ in the name of this instance/),
    ).not.toEqual([]);
  });

  it('is not delivered if it is an event that claims to be from this instance', async () => {
    const header = Buffer.alloc(28);
    header.set([1, 0, 0, 0, 0, 0, 0, 28]);
    header.write(instanceIdOf(a), 20, 'hex');
    const text = Buffer.from('42["forged"]');
    await fake.publish('/:all', Buffer.concat([header, Buffer.from([0x81, text.length]), text]));

    await livesOn();
    expect(alice.received).toEqual([]);
  });
});
