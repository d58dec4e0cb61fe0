import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Channels } from '../../../src/channels/channels.js';
import { Fence } from '../../../src/cluster/fence.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { MemoryLogger } from '../../support/memory-logger.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A transport with a second subscribed connection, and marks that a test holds back. */
class TwoConnections extends BreakablePubSub {
  readonly published: string[] = [];

  subscribeControl(channel: string): Promise<void> {
    return this.subscribe(channel);
  }

  override publish(channel: string, message: Buffer): Promise<number> {
    this.published.push(message.toString('hex'));
    return super.publish(channel, message);
  }
}

describe('the fence behind the events', () => {
  let pubSub: BreakablePubSub;
  let fence: Fence;
  const passed: string[] = [];

  async function open(transport: BreakablePubSub): Promise<void> {
    pubSub = transport;
    const reporter = new Reporter(new MemoryLogger());
    fence = new Fence('marks', pubSub, new Channels(pubSub, reporter), reporter);
    await fence.open();
  }
  const pass = (name: string): void => void fence.passed()?.then(() => passed.push(name));

  beforeEach(() => {
    passed.length = 0;
  });
  afterEach(async () => {
    fence.close();
    await pubSub.close();
    jest.useRealTimers();
  });

  it('is passed once a mark has come back, one for all requests of a tick', async () => {
    const transport = new TwoConnections();
    await open(transport);
    transport.stick(() => true);
    pass('a');
    pass('b');
    await turn();
    expect(transport.published).toHaveLength(1);
    expect(passed).toEqual([]);
    transport.unstick();
    await turn();
    await turn();
    expect(passed).toEqual(['a', 'b']);
    transport.stick(() => false);
    pass('c');
    await turn();
    await turn();
    expect(transport.published).toHaveLength(2);
    expect(new Set(transport.published).size).toBe(2);
    expect(passed).toEqual(['a', 'b', 'c']);
  });

  it('is not passed by what others publish on its channel', async () => {
    const transport = new TwoConnections();
    await open(transport);
    transport.stick(() => true);
    pass('a');
    await turn();
    for (const junk of [Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(1_000)]) {
      await new BreakablePubSub(transport.bus).publish('marks', junk);
    }
    await turn();
    expect(passed).toEqual([]);
    transport.unstick();
    await turn();
    await turn();
    expect(passed).toEqual(['a']);
  });

  it.each<[string, (transport: TwoConnections) => void]>([
    ['the connection of the events is lost', (transport) => transport.deafen()],
    ['it is closed', () => fence.close()],
    ['nothing comes back within five seconds', () => jest.advanceTimersByTime(5_000)],
  ])('is passed when %s', async (_, happens) => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    const transport = new TwoConnections();
    await open(transport);
    transport.stick(() => true);
    pass('a');
    await turn();
    expect(passed).toEqual([]);
    happens(transport);
    await turn();
    await turn();
    expect(passed).toEqual(['a']);
  });

  it('is passed when Redis does not take the mark', async () => {
    const transport = new TwoConnections();
    await open(transport);
    transport.refuse();
    pass('a');
    await turn();
    expect(passed).toEqual(['a']);
  });

  it('does not exist with one connection, without an order of channels, or while events are missed', async () => {
    await open(new BreakablePubSub());
    expect(fence.passed()).toBeUndefined();
    await open(new TwoConnections(undefined, false));
    expect(fence.passed()).toBeUndefined();
    const transport = new TwoConnections();
    await open(transport);
    transport.deafen();
    expect(fence.passed()).toBeUndefined();
  });
});
