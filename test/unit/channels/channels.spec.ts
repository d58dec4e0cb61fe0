import { beforeEach, describe, expect, it } from '@jest/globals';
import { InMemoryBus, InMemoryPubSub } from '../../../src/testing/index.js';
import { Channels } from '../../../src/channels/channels.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

/** Counts the calls of the transport. */
class WatchedPubSub extends InMemoryPubSub {
  readonly calls: string[] = [];
  listeners_ = 0;

  override async subscribe(channel: string): Promise<void> {
    this.calls.push(`subscribe ${channel}`);
    return super.subscribe(channel);
  }

  override unsubscribe(channel: string): void {
    this.calls.push(`unsubscribe ${channel}`);
    super.unsubscribe(channel);
  }

  override onMessage(listener: Parameters<InMemoryPubSub['onMessage']>[0]): () => void {
    this.listeners_++;
    const remove = super.onMessage(listener);
    return () => {
      this.listeners_--;
      remove();
    };
  }
}

describe('Channels', () => {
  let pubSub: WatchedPubSub;
  let outside: InMemoryPubSub;
  let logger: MemoryLogger;
  let subscriptions: Channels;
  const received: string[] = [];
  const listener = (name: string) => (message: Buffer) =>
    received.push(`${name} ${String(message)}`);

  beforeEach(() => {
    const bus = new InMemoryBus();
    pubSub = new WatchedPubSub(bus);
    outside = new InMemoryPubSub(bus);
    logger = new MemoryLogger();
    subscriptions = new Channels(pubSub, new Reporter(logger));
    received.length = 0;
  });

  /** Messages published before this call have arrived when it returns. */
  async function published(...messages: [channel: string, text: string][]): Promise<void> {
    let arrived = false;
    const fence = subscriptions.acquire('fence', () => (arrived = true));
    await fence.ready;
    for (const [channel, text] of messages) await outside.publish(channel, Buffer.from(text));
    await outside.publish('fence', Buffer.alloc(0));
    await until(
      () => arrived,
      () => 'the fence',
    );
    fence.release();
  }

  it('subscribes a channel for its first holder and unsubscribes it after its last', async () => {
    const first = subscriptions.acquire('a', listener('1'));
    const second = subscriptions.acquire('a', listener('2'));
    await Promise.all([first.ready, second.ready]);
    expect(await outside.publish('a', Buffer.from('x'))).toBe(1);
    first.release();
    expect(await outside.publish('a', Buffer.from('x'))).toBe(1);
    expect(pubSub.calls.filter((call) => call.startsWith('unsubscribe'))).toEqual([]);
    second.release();
    expect(pubSub.calls.filter((call) => call.startsWith('unsubscribe'))).toEqual([
      'unsubscribe a',
    ]);
    expect(await outside.publish('a', Buffer.from('x'))).toBe(0);
    expect(subscriptions.size).toBe(0);
  });

  // Closing one tab must not silence the other tabs of a user: subscriptions are counted.
  it('keeps a channel for its other holders when one of them releases it', async () => {
    const first = subscriptions.acquire('a', listener('1'));
    const second = subscriptions.acquire('a', listener('2'));
    await published(['a', 'x']);
    first.release();
    await published(['a', 'y']);
    second.release();
    await published(['a', 'z']);
    expect(received).toEqual(['1 x', '2 x', '2 y']);
  });

  // ioredis' `unsubscribe()` without arguments unsubscribes every channel.
  it('keeps other channels when one hold is released', async () => {
    const first = subscriptions.acquire('a', listener('a'));
    subscriptions.acquire('b', listener('b'));
    first.release();
    await published(['a', 'x'], ['b', 'y']);
    expect(received).toEqual(['b y']);
    expect(pubSub.isSubscribed('b')).toBe(true);
  });

  it.each([1, 2])(
    'does not pass a message to a listener that one of %d adds because of it',
    async (holders) => {
      const added = (): void => void subscriptions.acquire('a', listener('added'));
      let isFirst = true;
      subscriptions.acquire('a', () => {
        if (isFirst) added();
        isFirst = false;
      });
      if (holders === 2) subscriptions.acquire('a', listener('2'));
      await published(['a', 'x']);
      expect(received).toEqual(holders === 2 ? ['2 x'] : []);
      received.length = 0;
      await published(['a', 'y']);
      expect(received.toSorted()).toEqual(holders === 2 ? ['2 y', 'added y'] : ['added y']);
    },
  );

  it('keeps a shared channel that is held again while its last holder releases it', async () => {
    let isFirst = true;
    const first = subscriptions.share(
      'a',
      () => ({ receive: listener('first') }),
      () => {
        if (!isFirst) return;
        isFirst = false;
        subscriptions.share(
          'a',
          () => ({ receive: listener('second') }),
          () => undefined,
        );
      },
    );
    await first.ready;
    first.release();
    await published(['a', 'x']);
    expect(received).toEqual(['second x']);
    expect(pubSub.isSubscribed('a')).toBe(true);
  });

  it('releases a hold once, even if it is released several times', async () => {
    const first = subscriptions.acquire('a', listener('1'));
    subscriptions.acquire('a', listener('2'));
    first.release();
    first.release();
    first.release();
    await published(['a', 'x']);
    expect(received).toEqual(['2 x']);
  });

  it('releases an old hold without touching a new one of the same channel', async () => {
    const old = subscriptions.acquire('a', listener('old'));
    old.release();
    subscriptions.acquire('a', listener('new'));
    old.release();
    await published(['a', 'x']);
    expect(received).toEqual(['new x']);
  });

  it('calls a function twice that holds a channel twice, until one hold is released', async () => {
    const same = listener('same');
    const first = subscriptions.acquire('a', same);
    subscriptions.acquire('a', same);
    await published(['a', 'x']);
    first.release();
    await published(['a', 'y']);
    expect(received).toEqual(['same x', 'same x', 'same y']);
  });

  it('shares one listener among all holders, until the last one has released it', async () => {
    let opened = 0;
    const over: string[] = [];
    const share = () =>
      subscriptions.share(
        'a',
        () => {
          opened++;
          return { receive: listener('shared') };
        },
        (name) => over.push(name),
      );
    const first = share();
    const second = share();
    const own = subscriptions.acquire('a', listener('own'));
    await published(['a', 'x']);
    expect(received).toEqual(['shared x', 'own x']);
    first.release();
    first.release();
    await published(['a', 'y']);
    expect({ opened, over }).toEqual({ opened: 1, over: [] });
    second.release();
    expect(over).toEqual(['a']);
    await published(['a', 'z']);
    expect(received).toEqual(['shared x', 'own x', 'shared y', 'own y', 'own z']);
    const again = share();
    expect(opened).toBe(2);
    again.release();
    expect(pubSub.isSubscribed('a')).toBe(true);
    own.release();
    expect(pubSub.isSubscribed('a')).toBe(false);
    expect(over).toEqual(['a', 'a']);
  });

  it('is ready at once where a channel is subscribed, and after its release', async () => {
    const held = subscriptions.acquire('a', listener('a'));
    expect(held.settled).toBe(false);
    await held.ready;
    expect(held.settled).toBe(true);
    await held.ready;
    const late = subscriptions.acquire('b', listener('b'));
    late.release();
    expect(late.settled).toBe(true);
    await late.ready;
  });

  // A listener for each channel would stay behind, and Node would warn of a leak.
  it('has one listener on the transport, whatever the number of channels', async () => {
    for (let index = 0; index < 100; index++) subscriptions.acquire(`c${index}`, listener('c'));
    expect(pubSub.listeners_).toBe(1);
    subscriptions.close();
    expect(pubSub.listeners_).toBe(0);
  });

  it('leaves nothing behind when it is closed', async () => {
    const held = subscriptions.acquire('a', listener('a'));
    subscriptions.acquire('b', listener('b'));
    await held.ready;
    subscriptions.close();
    held.release();
    expect(subscriptions.size).toBe(0);
    expect(await outside.publish('a', Buffer.from('x'))).toBe(0);
    expect(await outside.publish('b', Buffer.from('x'))).toBe(0);
    expect(pubSub.calls.filter((call) => call === 'unsubscribe a')).toHaveLength(1);
  });

  it('reports a delayed subscription, whether or not its promise is awaited', async () => {
    await pubSub.close();
    const held = subscriptions.acquire('a', listener('a'));
    await held.ready;
    expect(held.settled).toBe(true);
    subscriptions.acquire('a', listener('a'));
    await until(
      () => logger.lines.length > 0,
      () => 'the log line',
    );
    expect(logger.lines).toEqual([expect.stringMatching(/^warn subscribe\.delayed: channel a: /)]);
  });
});
