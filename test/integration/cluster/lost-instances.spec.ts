import { afterEach, describe, expect, it } from '@jest/globals';
import { ClusterService, type ClusterChange, type ClusterMember } from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf, othersOf } from '../../support/members.js';
import { ClusterProcess } from '../../support/cluster-process.js';
import { inAnyOrder } from '../../support/events-of.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { TestClient } from '../../support/test-client.js';
import { givenCluster, testRedisUrl, type TestCluster } from '../../support/test-cluster.js';
import type { TestInstance } from '../../support/test-instance.js';
import { until } from '../../support/until.js';

/** Long enough for a busy machine. */
const TIMES = { heartbeatIntervalMs: 100, memberTimeoutMs: 4_000 };
/** Longer than any test may take. */
const NEVER_MS = 60_000;

type Acknowledge = (answer: unknown) => void;

const answers = ({ items }: { items: readonly { answer: unknown }[] }): unknown[] =>
  inAnyOrder(items.map(({ answer }) => answer));

describe('an instance in its own process', () => {
  let cluster: TestCluster;
  let other: ClusterProcess;
  let far: TestClient | undefined;
  afterEach(async () => {
    far?.close();
    await other.kill();
    await cluster.close();
  });

  /** Two instances in this process and one in another, each with a device of alice. */
  const start = async () => {
    const options = { ...TIMES, requestTimeoutMs: NEVER_MS, ackTimeoutMs: NEVER_MS };
    cluster = await givenCluster().of(2).with(PlainGateway).configured(options).start();
    await untilMembersKnown(cluster);
    other = await ClusterProcess.start({
      ...options,
      redis: testRedisUrl(),
      prefix: cluster.prefix,
    });
    const [a, b] = cluster.instances as [TestInstance, TestInstance];
    const changes: string[] = [];
    a.app.get(ClusterService).changes$.subscribe(({ type, member }: ClusterChange) => {
      changes.push(`${type} ${member.instanceId}`);
    });
    await knowsOther(a, true);
    far = await TestClient.connect(other.url, { token: 'alice' });
    const clients = [await a.connect({ token: 'alice' }), await b.connect({ token: 'alice' }), far];
    for (const [index, client] of clients.entries()) {
      client.socket.on('question', (answer: Acknowledge) => answer(index));
    }
    return { a, b, changes, clients: clients as [TestClient, TestClient, TestClient] };
  };
  const knowsOther = (instance: TestInstance, whether: boolean): Promise<void> =>
    until(
      () =>
        othersOf(instance).some(({ instanceId }) => instanceId === other.instanceId) === whether,
      () => `the other process to be ${whether ? 'known' : 'forgotten'}`,
    );
  const question = { userId: 'alice', event: 'question' };

  it('is a member like any other, and replies like any other', async () => {
    const { a, b } = await start();

    const seen = othersOf(a).find(({ instanceId }) => instanceId === other.instanceId);
    expect(seen?.pid).toBe(other.pid);
    await until(
      async () => (await other.call<ClusterMember[]>('cluster', 'members')).length === 3,
      () => 'it to know the others',
    );
    const members = await other.call<ClusterMember[]>('cluster', 'members');
    expect(inAnyOrder(members.map(({ instanceId }) => instanceId))).toEqual(
      inAnyOrder([other.instanceId, instanceIdOf(a), instanceIdOf(b)]),
    );
    const asked = await other.call<{ items: { answer: unknown }[] }>(
      'propagator',
      'requestUser',
      question,
    );
    expect(answers(asked)).toEqual([0, 1, 2]);
    expect(answers(await a.propagator.requestUser(question))).toEqual([0, 1, 2]);
  });

  it('that is killed is lost; until then requests name it as missing without waiting, and afterwards no more', async () => {
    const { a, changes } = await start();
    const changesBefore = changes.length;

    await other.kill();
    const before = await a.propagator.requestUser(question);
    await knowsOther(a, false);
    const after = await a.propagator.requestUser(question);

    expect({ ...before, items: answers(before) }).toEqual({
      items: [0, 1],
      unanswered: [],
      missing: [other.instanceId],
      complete: false,
    });
    expect({ ...after, items: answers(after) }).toEqual({
      items: [0, 1],
      unanswered: [],
      missing: [],
      complete: true,
    });
    expect(changes.slice(changesBefore)).toEqual([`lost ${other.instanceId}`]);
  });

  // One frozen instance must not make `fetchSockets` throw away the replies of all others.
  it('that is frozen is named as missing by every request; no request rejects or loses replies', async () => {
    const { a, clients } = await start();
    const [near, next] = clients;

    other.freeze();
    const [asked, fetched, joined, sockets, answered] = await Promise.all([
      a.propagator.requestUser(question),
      a.propagator.fetchUserSockets('alice'),
      a.propagator.joinUser('alice', 'lobby'),
      serverOf(cluster, 0).fetchSockets(),
      serverOf(cluster, 0)
        .timeout(6_000)
        .emitWithAck('question')
        .catch((error: unknown) => error),
    ]);

    const missing = [other.instanceId];
    expect({ ...asked, items: answers(asked) }).toEqual({
      items: [0, 1],
      unanswered: [],
      missing,
      complete: false,
    });
    expect(fetched).toMatchObject({ missing, complete: false });
    expect(fetched.items).toHaveLength(2);
    expect(joined).toEqual({ count: 2, missing, complete: false });
    expect(inAnyOrder(sockets.map(({ id }) => id))).toEqual(inAnyOrder([near.id, next.id]));
    expect(answered).toMatchObject({ message: 'operation has timed out' });
    expect(inAnyOrder((answered as unknown as { responses: unknown[] }).responses)).toEqual([0, 1]);
  });

  it('that is frozen counts as lost, is not waited for, and joins again when it continues', async () => {
    const { a, b, changes } = await start();
    const changesBefore = changes.length;

    other.freeze();
    await knowsOther(a, false);
    const meanwhile = await a.propagator.requestUser(question);
    expect(a.app.get(ClusterService).unknownSubscribers).toBe(1);
    other.thaw();
    await knowsOther(a, true);
    await knowsOther(b, true);
    const afterwards = await a.propagator.requestUser(question);

    expect({ ...meanwhile, items: answers(meanwhile) }).toEqual({
      items: [0, 1],
      unanswered: [],
      missing: [],
      complete: true,
    });
    expect({ ...afterwards, items: answers(afterwards) }).toMatchObject({
      items: [0, 1, 2],
      missing: [],
      complete: true,
    });
    expect(changes.slice(changesBefore)).toEqual([
      `lost ${other.instanceId}`,
      `joined ${other.instanceId}`,
    ]);
    // It missed the heartbeats of the others while it was frozen, and does not count them as lost.
    await until(
      async () => (await other.call<ClusterMember[]>('cluster', 'members')).length === 3,
      () => 'it to know the others',
    );
  });

  it('that closes leaves at once, and its process ends by itself, whatever it was waiting for', async () => {
    const { a, changes, clients } = await start();
    const changesBefore = changes.length;
    for (const client of clients) client.socket.off('question');
    const theirs = other.call('propagator', 'requestUser', question).catch(() => 'cut short');
    await Promise.all(clients.map((client) => client.waitFor('question')));
    // We asked its device, which has not replied either.
    void a.propagator.requestUser(question);
    await Promise.all(clients.map((client) => client.waitFor('question', 2)));

    expect(await other.close()).toBe(0);

    expect(changes.slice(changesBefore)).toEqual([`left ${other.instanceId}`]);
    await theirs;
    expect(othersOf(a)).toHaveLength(1);
  });
});
