import { describe, expect, it } from '@jest/globals';
import { resetPublisher } from '../../../src/redis/reset-publisher.js';
import { FakeCluster, FakeNode } from '../../support/fake-cluster.js';

describe('a publisher that Redis does not answer', () => {
  it('makes its connection anew', () => {
    const node = new FakeNode(1, () => Promise.resolve(), []);
    resetPublisher(node as never, 'x');
    expect(node.said).toEqual(['RECONNECT']);
  });

  it('of a Cluster gives up its connection to the silent node, and no other', () => {
    const cluster = new FakeCluster();
    cluster.has(1, 2);
    resetPublisher(cluster.client, '{b}');
    expect(cluster.nodes().map(({ said }) => said)).toEqual([['DISCONNECT'], []]);
    expect(cluster.disconnects).toEqual([]);
  });
});
