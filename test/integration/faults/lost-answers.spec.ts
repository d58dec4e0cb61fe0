import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { InMemoryBus } from '../../../src/testing/index.js';
import { untilMembersKnown, instanceIdOf } from '../../support/members.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { namespaceOf, PlainGateway, serverOf } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { PATIENCE_MS, until } from '../../support/until.js';

type Acknowledge = (answer?: unknown) => void;

const isReply = (channel: string): boolean => channel.includes(':reply:');
const question = { userId: 'alice', event: 'question', timeoutMs: PATIENCE_MS };

describe('replies that are lost', () => {
  let cluster: TestCluster;
  let alice: TestClient;
  /** Alice is connected to this instance. The other one asks. */
  let transport: BreakablePubSub;
  let missing: string;

  beforeEach(async () => {
    const bus = new InMemoryBus();
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .onInMemoryPubSub()
      .configured(() => {
        transport = new BreakablePubSub(bus);
        return { pubSub: transport };
      })
      .start();
    await untilMembersKnown(cluster);
    alice = await cluster.instance(1).connect({ token: 'alice' });
    alice.socket.on('question', (answer: Acknowledge) => answer('yes'));
    missing = instanceIdOf(cluster.instance(1));
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    transport.heal();
    await cluster.close();
  });

  const answered = () => ({
    items: [{ socketId: alice.id, instanceId: missing, answer: 'yes' }],
    unanswered: [],
    missing: [],
    complete: true,
  });

  /** Waits until the instance has tried to send the reply. */
  const sendingAnswers = (): (() => Promise<void>) => {
    const { calls } = jest.spyOn(transport, 'publish').mock;
    return () =>
      until(
        () => calls.filter(([channel]) => isReply(channel)).length >= 2,
        () => 'it to try to answer',
      );
  };

  /** Redis takes these messages with replies, and the connection of their receiver breaks. */
  const losing = (...which: number[]): void => {
    const publish = transport.publish.bind(transport);
    let count = 0;
    jest.spyOn(transport, 'publish').mockImplementation(async (channel, bytes) => {
      if (isReply(channel) && which.includes(++count)) return 1;
      return publish(channel, bytes);
    });
  };

  it('because the instance receives the request before it can publish are sent once it can', async () => {
    const tried = sendingAnswers();
    transport.refuse();
    const asking = cluster.instance(0).propagator.requestUser(question);
    await tried();
    transport.heal();
    expect(await asking).toEqual(answered());
  });

  it('are counted once if they were sent again and had arrived', async () => {
    const tried = sendingAnswers();
    transport.fallSilent(isReply);
    const asking = cluster.instance(0).propagator.requestUser(question);
    await tried();
    transport.failUnanswered();
    expect(await asking).toEqual(answered());
  });

  it.each([
    ['whom it asked', 1],
    ['the answer of a client', 2],
  ])('make the instance missing, even if it is only %s', async (_, nth) => {
    losing(nth);
    const { complete, ...answers } = await cluster.instance(0).propagator.requestUser(question);
    expect(complete).toBe(false);
    expect(answers.missing).toEqual([missing]);
  });

  it('make a broadcast with acknowledgements time out', async () => {
    losing(1, 2);
    await expect(serverOf(cluster, 0).timeout(1_000).emitWithAck('question')).rejects.toThrow(
      'operation has timed out',
    );
  });

  it('make a server-side event end with an error that names the instance', async () => {
    losing(1);
    serverOf(cluster, 1).on('ask', (answer: Acknowledge) => answer('one'));
    const error = await new Promise<Error | null>((resolve) => {
      namespaceOf(cluster, 0).serverSideEmit('ask', resolve);
    });
    expect(error?.message).toContain(missing);
  });
});
