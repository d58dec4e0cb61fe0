import { afterEach, describe, expect, it } from '@jest/globals';
import type { Namespace } from 'socket.io';
import type { RedisPropagatorOptions } from '../../../src/index.js';
import { untilMembersKnown, instanceIdOf } from '../../support/members.js';
import { inAnyOrder } from '../../support/events-of.js';
import { namespaceOf, PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

type Acknowledge = (answer: unknown) => void;

const asked = (namespace: Namespace): Promise<[Error | null, unknown[]]> =>
  new Promise((resolve) => {
    namespace.serverSideEmit('ask', 1, (error: Error | null, answers: unknown[]) => {
      resolve([error, answers]);
    });
  });

describe('serverSideEmit', () => {
  let cluster: TestCluster;
  afterEach(() => cluster.close());

  const start = async (options: RedisPropagatorOptions = {}): Promise<void> => {
    cluster = await givenCluster().of(3).with(PlainGateway).configured(options).start();
    await untilMembersKnown(cluster);
  };
  /** Everything that the servers received, with the number of the server first. */
  const listening = (name = '/', ...events: string[]): unknown[][] => {
    const heard: unknown[][] = [];
    for (const index of cluster.instances.keys()) {
      for (const event of events) {
        namespaceOf(cluster, index, name).on(
          event as never,
          ((...args: unknown[]) => {
            heard.push([index, event, ...args]);
          }) as never,
        );
      }
    }
    return heard;
  };
  const answering = (index: number, answer: unknown): void => {
    serverOf(cluster, index).on('ask', (...args: unknown[]) =>
      (args.at(-1) as Acknowledge)(answer),
    );
  };
  /** Waits until all earlier requests have arrived everywhere: one connection keeps their order. */
  const settled = async (): Promise<void> => {
    for (const index of cluster.instances.keys()) await serverOf(cluster, index).fetchSockets();
  };

  it('reaches each other server once, not its own, with any arguments', async () => {
    await start();
    const heard = listening('/', 'hello', 'empty');
    const bytes = Buffer.from([0, 255]);

    serverOf(cluster, 1).serverSideEmit('hello', 'a', { bytes }, null);
    serverOf(cluster, 2).serverSideEmit('empty');

    await settled();
    expect(inAnyOrder(heard)).toEqual([
      [0, 'empty'],
      [0, 'hello', 'a', { bytes }, null],
      [1, 'empty'],
      [2, 'hello', 'a', { bytes }, null],
    ]);
  });

  it('stays in its namespace', async () => {
    await start();
    const root = listening('/', 'hello');
    const chat = listening('/chat', 'hello');

    namespaceOf(cluster, 0, '/chat').serverSideEmit('hello');

    await settled();
    expect(root).toEqual([]);
    expect(inAnyOrder(chat)).toEqual([
      [1, 'hello'],
      [2, 'hello'],
    ]);
  });

  it('collects the replies of all other servers', async () => {
    await start();
    for (const index of [0, 1, 2]) answering(index, { from: index });

    const answers = await serverOf(cluster, 2).serverSideEmitWithAck('ask', 1);

    expect(answers).toHaveLength(2);
    expect(answers).toEqual(expect.arrayContaining([{ from: 0 }, { from: 1 }]));
  });

  it('returns an empty list if there are no other servers', async () => {
    cluster = await givenCluster().of(1).with(PlainGateway).start();
    answering(0, 'me');

    expect(await serverOf(cluster, 0).serverSideEmitWithAck('ask', 1)).toEqual([]);
  });

  it('names the instances whose listeners did not reply in time, and keeps the other replies', async () => {
    await start({ requestTimeoutMs: 3_000 });
    answering(0, 'zero');
    serverOf(cluster, 1).on('ask', () => 'says nothing');

    const [error, answers] = await asked(namespaceOf(cluster, 2));

    expect(error?.message).toBe(
      `operation has timed out, or not all servers could answer: ${instanceIdOf(cluster.instance(1))}`,
    );
    expect(answers).toEqual(['zero']);
  });

  it('tolerates listeners that throw, and names their instances', async () => {
    await start({ requestTimeoutMs: 60_000 });
    answering(0, 'zero');
    serverOf(cluster, 1).on('ask', () => {
      throw new Error('a listener of the app');
    });

    const [error, answers] = await asked(namespaceOf(cluster, 2));
    serverOf(cluster, 2).serverSideEmit('ask', 1, 'and without an answer');
    await settled();

    expect(error?.message).toContain(instanceIdOf(cluster.instance(1)));
    expect(answers).toEqual(['zero']);
    expect(cluster.instance(1).counts).toEqual({ 'request.failed': 2 });
    expect(cluster.logger.matching(/request\.failed: .*a listener of the app/)).not.toEqual([]);
  });

  it('takes only the first reply of each listener', async () => {
    await start();
    serverOf(cluster, 0).on('ask', (_: number, answer: Acknowledge) => {
      answer('first');
      answer('second');
    });
    answering(1, 'one');

    const answers = await serverOf(cluster, 2).serverSideEmitWithAck('ask', 1);
    await settled();

    expect(answers).toHaveLength(2);
    expect(answers).toEqual(expect.arrayContaining(['first', 'one']));
  });

  it('does not throw if the arguments cannot be sent, and reports it', async () => {
    await start();
    const heard = listening('/', 'hello');

    serverOf(cluster, 0).serverSideEmit('hello', 1n);
    expect(cluster.instance(0).counts).toEqual({ 'emit.refused': 1 });
    await expect(serverOf(cluster, 0).serverSideEmitWithAck('hello', 1n)).rejects.toMatchObject({
      code: 'event.unserialisable',
    });
    expect(() => serverOf(cluster, 0).serverSideEmit('connection')).toThrow('reserved event name');

    await settled();
    expect(heard).toEqual([]);
  });
});
