import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Shard } from '../../../src/redis/shard.js';
import { Waiters } from '../../../src/redis/waiters.js';
import { FakeNode } from '../../support/fake-cluster.js';

async function turns(): Promise<void> {
  for (let count = 0; count < 20; count++) await new Promise((resolve) => setImmediate(resolve));
}

describe('the connection to one master of a Cluster', () => {
  const events: string[] = [];
  const made: FakeNode[] = [];
  let refusal: Error | undefined;
  let shard: Shard;
  let node: FakeNode;

  beforeEach(async () => {
    events.length = 0;
    made.length = 0;
    refusal = undefined;
    const answer = (): Promise<unknown> =>
      refusal === undefined ? Promise.resolve() : Promise.reject(refusal);
    const of = new FakeNode(7_000, answer, made);
    const waiters = new Waiters(20_000, () => {}, threw);
    shard = new Shard(of.duplicate(), 'subscriber', 20_000, waiters, {
      changed: () => {},
      interrupted: () => events.push('interrupted'),
      missed: (channels) => events.push(`missed ${channels('a')}`),
      moved: () => events.push('moved'),
      message: (channel) => events.push(`message ${channel}`),
      dropped: (channel) => events.push(`dropped ${channel}`),
      stray: (channel) => events.push(`stray ${channel}`),
      opened: () => {},
      error: threw,
      threw,
    });
    node = made.at(-1) ?? of;
    shard.expect(['a']);
    await turns();
  });
  afterEach(() => shard.close());
  const threw = (error: unknown): void => void events.push(String(error));
  const says = (channel: string): boolean =>
    node.emit('smessageBuffer', Buffer.from(channel), Buffer.from('x'));

  it('is subscribed once all expected channels are', async () => {
    expect(node.commands).toEqual(['SSUBSCRIBE a']);
    expect(shard.state).toEqual({ subscribed: true });
    shard.expect(['b']);
    expect(shard.state).toEqual({ subscribed: false });
    await turns();
    expect(shard.isSubscribed('b')).toBe(true);
    expect(shard.state).toEqual({ subscribed: true });
  });

  it('tells messages of its channels from those of others', () => {
    says('a');
    says('b');
    expect(events).toEqual(['message a', 'stray b']);
  });

  it('says which messages of its channels it drops after ioredis has given up the connection', () => {
    Object.assign(node.stream, { writableEnded: true });
    says('a');
    says('b');
    expect(events).toEqual(['dropped a']);
  });

  it('reports an interruption when it is lost, and subscribes again', async () => {
    node.becomes('close');
    expect(events).toEqual(['interrupted']);
    expect(shard.state).toEqual({ subscribed: false });
    node.becomes('ready');
    await turns();
    expect(node.commands).toEqual(['SSUBSCRIBE a', 'SSUBSCRIBE a']);
    expect(shard.state).toEqual({ subscribed: true });
  });

  it('trusts no subscription after Redis has dropped some, until they are made again', async () => {
    node.emit('moved');
    expect(events).toEqual(['interrupted', 'moved']);
    expect(shard.isSubscribed('a')).toBe(false);
    expect(shard.state).toEqual({ subscribed: false });
    // ioredis does not say here which channels are left: all are requested again.
    shard.settleDoubts();
    await turns();
    expect(node.commands).toEqual(['SSUBSCRIBE a', 'SSUBSCRIBE a']);
    expect(shard.state).toEqual({ subscribed: true });
  });

  it('requests only the dropped channels again where ioredis says which ones are left', async () => {
    shard.expect(['b']);
    await turns();
    const condition = { subscriber: { channels: () => ['a'] } };
    Object.assign(node, { condition });
    node.emit('moved');
    shard.settleDoubts();
    await turns();
    expect(node.commands.slice(2)).toEqual(['SSUBSCRIBE b']);
    expect(shard.state).toEqual({ subscribed: true });
  });

  it('says why a channel is refused', async () => {
    refusal = new Error('NOPERM no permissions');
    shard.expect(['b']);
    await turns();
    const { subscribed, reason } = shard.state;
    expect({ subscribed, code: reason?.code }).toEqual({
      subscribed: false,
      code: 'redis.permission',
    });
    expect(shard.isSubscribed('a')).toBe(true);
  });
});
