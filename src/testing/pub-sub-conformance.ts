import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { PubSub, PubSubState } from '../ports/pub-sub.js';

/** How to create the transport to check. */
export interface ConformanceSubject {
  /** Creates an instance that can reach all others created by this function. The test case connects it. */
  create(): PubSub | Promise<PubSub>;
  /**
   * Called after each case with its instances, to close what `close()` does not.
   * @default only `close()` is called
   */
  cleanUp?(instances: readonly PubSub[]): void | Promise<void>;
}

/** One promise of the port, for any test runner: `it(title, run)`. */
export interface ConformanceCase {
  readonly title: string;
  run(): Promise<void>;
}

/** A connected instance that records received messages. */
interface Peer {
  readonly pubSub: PubSub;
  readonly received: { channel: string; message: Buffer }[];
  /** The channel of the case. */
  readonly channel: string;
}

type Scenario = (open: () => Promise<Peer>, channel: string) => Promise<void>;

const PATIENCE_MS = 20_000;

async function until(condition: () => boolean, awaited: string): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!condition()) {
    assert.ok(Date.now() < end, `waited ${PATIENCE_MS} ms in vain: ${awaited}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A transport that connects again refuses publishes for a moment. */
async function publish({ pubSub }: Peer, channel: string, message: string | Buffer) {
  await until(() => pubSub.isOpen?.() !== false, 'publishes are sent');
  return pubSub.publish(channel, Buffer.from(message));
}

/**
 * Waits until everything sent to `peer` before has arrived, on the channel of the case and on those whose names
 * begin with it.
 */
async function fence(from: Peer, peer: Peer): Promise<void> {
  const channel = `${peer.channel}:fence:${randomUUID()}`;
  await peer.pubSub.subscribe(channel);
  await publish(from, channel, 'fence');
  const found = () => peer.received.findIndex((entry) => entry.channel === channel);
  await until(() => found() >= 0, 'the fence message');
  peer.received.splice(found(), 1);
  peer.pubSub.unsubscribe(channel);
}

function texts(peer: Peer): string[] {
  return peer.received.map(({ message }) => message.toString());
}

const scenarios: Record<string, Scenario> = {
  'hands a message to every subscribed instance, including the publisher, and to no other': async (
    open,
    channel,
  ) => {
    const [a, b, c] = [await open(), await open(), await open()];
    await a.pubSub.subscribe(channel);
    await b.pubSub.subscribe(channel);
    await c.pubSub.subscribe(`${channel}:other`);
    assert.equal(await publish(a, channel, 'hello'), 2);
    for (const peer of [a, b, c]) await fence(a, peer);
    assert.deepEqual(texts(a), ['hello']);
    assert.deepEqual(texts(b), ['hello']);
    assert.deepEqual(texts(c), []);
    assert.equal(b.received[0]?.channel, channel);
  },
  'resolves to 0 if no instance is subscribed': async (open, channel) => {
    const a = await open();
    assert.equal(await publish(a, channel, 'nobody'), 0);
  },
  'keeps the order of one publisher': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    await b.pubSub.subscribe(channel);
    const numbers = Array.from({ length: 500 }, (_, index) => String(index));
    await Promise.all(numbers.map((text) => publish(a, channel, text)));
    await fence(a, b);
    assert.deepEqual(texts(b), numbers);
  },
  'keeps the order of several channels, where it says so': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    if (a.pubSub.ordersChannels !== true) return;
    const names = Array.from({ length: 5 }, (_, index) => `${channel}:${index}`);
    for (const name of names) await b.pubSub.subscribe(name);
    const numbers = Array.from({ length: 500 }, (_, index) => String(index));
    await Promise.all(numbers.map((text, i) => publish(a, names[i % 5] as string, text)));
    await fence(a, b);
    assert.deepEqual(texts(b), numbers);
  },
  'hands over bytes as they were sent, also when the sender uses its buffer again': async (
    open,
    channel,
  ) => {
    const [a, b] = [await open(), await open()];
    await b.pubSub.subscribe(channel);
    const sent = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const bytes = Buffer.from(sent);
    await publish(a, channel, bytes);
    bytes.fill(0);
    await fence(a, b);
    assert.deepEqual(b.received[0]?.message, sent);
  },
  'hands over empty and large messages': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    await b.pubSub.subscribe(channel);
    const large = Buffer.alloc(1024 * 1024, 'x');
    await publish(a, channel, Buffer.alloc(0));
    await publish(a, channel, large);
    await fence(a, b);
    assert.deepEqual(
      b.received.map(({ message }) => message.length),
      [0, large.length],
    );
  },
  'matches whole channel names only, whatever characters they have': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    const names = [`${channel}:*`, `${channel}:ü {x} \\ "`, `${channel}:[a-z]?`];
    for (const name of names) await b.pubSub.subscribe(name);
    await publish(a, `${channel}:anything`, 'no');
    for (const name of names) await publish(a, name, 'yes');
    await fence(a, b);
    assert.deepEqual(
      b.received.map((entry) => entry.channel),
      names,
    );
  },
  'delivers once to an instance that subscribed twice': async (open, channel) => {
    const a = await open();
    await Promise.all([a.pubSub.subscribe(channel), a.pubSub.subscribe(channel)]);
    await a.pubSub.subscribe(channel);
    assert.equal(await publish(a, channel, 'once'), 1);
    await fence(a, a);
    assert.deepEqual(texts(a), ['once']);
  },
  'hands over nothing after unsubscribe, and messages again after another subscribe': async (
    open,
    channel,
  ) => {
    const [a, b] = [await open(), await open()];
    await b.pubSub.subscribe(channel);
    b.pubSub.unsubscribe(channel);
    assert.equal(b.pubSub.isSubscribed(channel), false);
    await publish(a, channel, 'silence');
    await fence(a, b);
    assert.deepEqual(texts(b), []);
    await b.pubSub.subscribe(channel);
    await publish(a, channel, 'again');
    await fence(a, b);
    assert.deepEqual(texts(b), ['again']);
  },
  'unsubscribes one channel without touching the others': async (open, channel) => {
    const a = await open();
    await a.pubSub.subscribe(channel);
    await a.pubSub.subscribe(`${channel}:kept`);
    a.pubSub.unsubscribe(channel);
    assert.equal(await publish(a, `${channel}:kept`, 'kept'), 1);
    await fence(a, a);
    assert.deepEqual(texts(a), ['kept']);
  },
  'ends in the state that was requested last, however fast the changes': async (open, channel) => {
    const a = await open();
    const attempts: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      attempts.push(a.pubSub.subscribe(channel).catch(() => undefined));
      a.pubSub.unsubscribe(channel);
    }
    await a.pubSub.subscribe(channel);
    await Promise.all(attempts);
    assert.equal(a.pubSub.isSubscribed(channel), true);
    await publish(a, channel, 'last');
    await fence(a, a);
    assert.deepEqual(texts(a), ['last']);
  },
  'keeps a channel that is unsubscribed and subscribed again at once': async (open, channel) => {
    const a = await open();
    await a.pubSub.subscribe(channel);
    a.pubSub.unsubscribe(channel);
    await a.pubSub.subscribe(channel);
    assert.equal(await publish(a, channel, 'kept'), 1);
    await fence(a, a);
    assert.deepEqual(texts(a), ['kept']);
  },
  'subscribes many channels asked for at once': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    const elsewhere = channel.replaceAll(/[{}]/g, '');
    const names = Array.from({ length: 2_000 }, (_, index) => `${elsewhere}:${index}`);
    await Promise.all(names.map((name) => b.pubSub.subscribe(name)));
    await Promise.all(names.map((name) => publish(a, name, name)));
    // Messages of different channels may take different ways (the nodes of a Cluster).
    await until(() => b.received.length >= names.length, 'a message of each channel');
    assert.deepEqual(texts(b).toSorted(), names.toSorted());
  },
  'calls every listener, until it is removed': async (open, channel) => {
    const a = await open();
    const second: string[] = [];
    const remove = a.pubSub.onMessage((name, message) => {
      if (name === channel) second.push(message.toString());
    });
    await a.pubSub.subscribe(channel);
    await publish(a, channel, 'both');
    await fence(a, a);
    remove();
    await publish(a, channel, 'one');
    await fence(a, a);
    assert.deepEqual(second, ['both']);
    assert.deepEqual(texts(a), ['both', 'one']);
  },
  'outlives a listener that throws': async (open, channel) => {
    const a = await open();
    a.pubSub.onMessage(() => {
      throw new Error('a listener of the conformance suite throws');
    });
    await a.pubSub.subscribe(channel);
    await publish(a, channel, '1');
    await publish(a, channel, '2');
    await fence(a, a);
    assert.deepEqual(texts(a), ['1', '2']);
  },
  'is ready once connected, emits its state to a new subscriber at once, and completes when closed':
    async (open) => {
      const { pubSub } = await open();
      const states: PubSubState[] = [];
      let completed = false;
      pubSub.state$.subscribe({
        next: (state) => states.push(state),
        complete: () => {
          completed = true;
        },
      });
      await until(() => pubSub.state === 'ready', 'the state "ready"');
      assert.equal(states.at(-1), 'ready');
      await pubSub.close();
      assert.equal(pubSub.state, 'closed');
      assert.equal(states.at(-1), 'closed');
      assert.equal(completed, true);
    },
  'refuses everything after close, with a code, and can be closed twice': async (open, channel) => {
    const [a, b] = [await open(), await open()];
    await a.pubSub.subscribe(channel);
    await a.pubSub.close();
    await a.pubSub.close();
    const closed = { name: 'PropagatorError', code: 'redis.closed' };
    await assert.rejects(a.pubSub.publish(channel, Buffer.from('x')), closed);
    await assert.rejects(a.pubSub.subscribe(channel), closed);
    assert.equal(await publish(b, channel, 'gone'), 0);
    assert.deepEqual(texts(a), []);
  },
};

/**
 * The contract of {@link PubSub}, as test cases for any test runner. The transports of this library pass it, and so
 * should your own implementation:
 *
 * ```ts
 * for (const { title, run } of pubSubConformance({ create: () => new NatsPubSub(url) })) {
 *   it(title, run);
 * }
 * ```
 */
export function pubSubConformance(subject: ConformanceSubject): ConformanceCase[] {
  return Object.entries(scenarios).map(([title, scenario]) => ({
    title,
    run: async () => {
      const instances: PubSub[] = [];
      // On a Redis Cluster the text in the braces decides the node, so all channels of the case share one order.
      const channel = `conformance:{${randomUUID()}}`;
      const open = async (): Promise<Peer> => {
        const pubSub = await subject.create();
        instances.push(pubSub);
        const received: Peer['received'] = [];
        pubSub.onMessage((name, message) => {
          received.push({ channel: name, message: Buffer.from(message) });
        });
        await pubSub.connect();
        await until(() => pubSub.state === 'ready', 'the state "ready"');
        return { pubSub, received, channel };
      };
      try {
        await scenario(open, channel);
      } finally {
        await Promise.all(instances.map((instance) => instance.close()));
        await subject.cleanUp?.(instances);
      }
    },
  }));
}
