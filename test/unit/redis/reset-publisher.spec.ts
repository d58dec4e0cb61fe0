import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { resetPublisher } from '../../../src/redis/reset-publisher.js';
import { FakeCluster, FakeNode } from '../../support/fake-cluster.js';

const CONFIRM_MS = 1_000;

const threw: unknown[] = [];
const reset = (publisher: unknown, channel: string): void =>
  resetPublisher(publisher as never, channel, CONFIRM_MS, (error) => threw.push(error));

const turn = () => new Promise((resolve) => setImmediate(resolve));

const confirmed = async () => {
  jest.advanceTimersByTime(CONFIRM_MS);
  await turn();
};
const readyNode = () => {
  const node = new FakeNode(1, () => Promise.resolve(), []);
  node.status = 'ready';
  return Object.assign(node, { stream: { bytesRead: 7 } });
};

describe('a publishing connection that Redis does not answer', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is replaced once', async () => {
    const node = readyNode();
    reset(node, 'x');
    reset(node, 'y');
    expect(node.said).toEqual([]);
    await confirmed();
    expect(node.said).toEqual(['RECONNECT']);
  });

  it('is kept while any byte arrives: it is busy, not dead', async () => {
    const node = readyNode();
    reset(node, 'x');
    node.stream.bytesRead++;
    await confirmed();
    expect(node.said).toEqual([]);
    // At the next check nothing arrives.
    reset(node, 'x');
    await confirmed();
    expect(node.said).toEqual(['RECONNECT']);
  });

  it('is left alone if it has been closed or replaced meanwhile', async () => {
    const [closed, replaced] = [readyNode(), readyNode()];
    for (const node of [closed, replaced]) reset(node, 'x');
    closed.status = 'end';
    replaced.stream = { bytesRead: 7 };
    await confirmed();
    expect([closed.said, replaced.said]).toEqual([[], []]);
  });

  it('reports an error that its client throws in the timer', async () => {
    const node = readyNode();
    const error = new Error('no');
    node.disconnect = () => {
      throw error;
    };
    reset(node, 'x');
    await confirmed();
    expect(threw).toEqual([error]);
  });

  it('of a Cluster closes only its connection to the silent node', async () => {
    const cluster = new FakeCluster();
    cluster.has(1, 2);
    for (const node of cluster.nodes()) node.status = 'ready';
    reset(cluster.client, '{b}');
    await confirmed();
    expect(cluster.nodes().map(({ said }) => said)).toEqual([['DISCONNECT'], []]);
    expect(cluster.disconnects).toEqual([]);
  });
});
