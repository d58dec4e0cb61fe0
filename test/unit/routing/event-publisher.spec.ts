import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { EventPublisher } from '../../../src/routing/event-publisher.js';
import type { PublishMode } from '../../../src/routing/outgoing-event.js';
import type { PropagatorError } from '../../../src/errors.js';
import { InMemoryBus } from '../../../src/redis/in-memory-pub-sub.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import {
  decodeEnvelope,
  encodeEnvelope,
  sequenceOf,
  type Envelope,
  type WireVersion,
} from '../../../src/wire/envelope.js';
import { BreakablePubSub } from '../../support/breakable-pub-sub.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { until } from '../../support/until.js';

const MANY = { maxEvents: 1_000, maxBytes: 1_000_000, maxAgeMs: 60_000 };
const RING = { maxBytes: 1_000_000, maxAgeMs: 60_000 };

const turn = () => new Promise((resolve) => setImmediate(resolve));

function envelope(sequence: number, version: WireVersion = 1): Buffer {
  const header = {
    version,
    origin: Buffer.from('abcdefgh'),
    sequence,
    sentAt: Date.now(),
    volatile: false,
    compress: true,
    except: [],
    rooms: [],
    customParser: false,
  };
  return encodeEnvelope(header, ['42["x"]']).bytes;
}

const stampOf = (bytes: Buffer) => `${bytes.readUInt32BE(28)}/${bytes.readUIntBE(32, 6)}`;

const sendOn = (
  to: EventPublisher,
  channel: string,
  bytes: Buffer,
  flags: { mode?: PublishMode; volatile?: boolean } = {},
) => to.publish(channel, bytes, flags, (instances) => instances);

describe('publishing events', () => {
  let pubSub: BreakablePubSub;
  let receiver: BreakablePubSub;
  let publisher: EventPublisher;
  let sequence: number;
  /** `channel number`, with `again` for an event that is marked as possibly published before. */
  let received: string[];

  beforeEach(async () => {
    const bus = new InMemoryBus();
    pubSub = new BreakablePubSub(bus);
    receiver = new BreakablePubSub(bus);
    received = [];
    sequence = 0;
    receiver.onMessage((channel, bytes) => {
      const decoded = decodeEnvelope(bytes);
      if (typeof decoded === 'string') throw new Error(decoded);
      received.push(`${channel} ${decoded.sequence}${decoded.repeated ? ' again' : ''}`);
    });
    for (const channel of ['a', 'b']) await receiver.subscribe(channel);
    publisher = new EventPublisher(
      pubSub,
      { outbox: MANY, repair: RING, publishTimeoutMs: 5_000 },
      new Reporter(new MemoryLogger()),
      () => undefined,
    );
  });
  afterEach(async () => {
    publisher.close();
    jest.useRealTimers();
    await turn();
  });

  /** Over a transport that orders the messages of each channel only, as a Cluster does. */
  function inParts(): { pubSub: BreakablePubSub; publisher: EventPublisher } {
    const parts = new BreakablePubSub(receiver.bus, false);
    const own = new EventPublisher(
      parts,
      { outbox: MANY, repair: RING, publishTimeoutMs: 5_000 },
      new Reporter(new MemoryLogger()),
      () => undefined,
    );
    return { pubSub: parts, publisher: own };
  }

  const publish = (channel: string, flags?: { mode?: PublishMode; volatile?: boolean }) =>
    sendOn(publisher, channel, envelope(++sequence), flags).catch(
      ({ code }: PropagatorError) => code,
    );
  const everything = { from: new Map<number, number>(), isWanted: () => true, maxBytes: 10_000 };
  const kept = () => publisher.after(everything).publishes.map(({ bytes }) => sequenceOf(bytes));

  const numbered = () =>
    publisher
      .after(everything)
      .publishes.map((each) => `${each.lane}/${each.number} ${each.channel}`);

  const envelopes = (): string[] => {
    const seen: string[] = [];
    receiver.onMessage((_, bytes) => {
      const decoded = decodeEnvelope(bytes);
      if (typeof decoded !== 'string') seen.push(`${decoded.lane}/${decoded.number}`);
    });
    return seen;
  };

  it('keeps events for Redis while it is down, and records the published ones', async () => {
    expect(await publish('a')).toBe(1);
    pubSub.refuse();
    const waiting = [publish('a'), publish('b')];
    expect(publisher.backlog).toEqual({ events: 2, bytes: 2 * envelope(1).length });
    expect(kept()).toEqual([1]);
    pubSub.heal();
    expect(await Promise.all(waiting)).toEqual([1, 1]);
    await turn();
    expect(received).toEqual(['a 1', 'a 2', 'b 3']);
    expect(kept()).toEqual([1, 2, 3]);
    expect(publisher.backlog).toEqual({ events: 0, bytes: 0 });
  });

  it('keeps the order, in whatever order failed publishes come back', async () => {
    pubSub.fallSilent();
    const lost = [publish('a'), publish('a')];
    pubSub.refuse();
    // Emitted before the other publishes are known to have failed.
    lost.push(publish('a'));
    pubSub.heal();
    await turn();
    pubSub.failUnanswered();
    expect(await Promise.all(lost)).toEqual([1, 1, 1]);
    await turn();
    expect(received).toEqual(['a 1', 'a 2', 'a 1 again', 'a 2 again', 'a 3']);
    expect(kept()).toEqual([1, 2, 3]);
  });

  it('keeps the order of all channels over a transport that does, whatever fails', async () => {
    const channels = ['a', 'b', 'a', 'b', 'a', 'b', 'a', 'b', 'a', 'b'];
    const sent = [publish('a'), publish('b')];
    pubSub.stick();
    sent.push(publish('a'), publish('b'));
    pubSub.refuse();
    sent.push(publish('a'), publish('b'));
    pubSub.failUnanswered();
    await turn();
    sent.push(publish('a'));
    pubSub.heal();
    sent.push(publish('b'), publish('a'), publish('b'));
    await Promise.all(sent);
    await turn();
    expect(received.map((line) => line.replace(' again', ''))).toEqual(
      channels.map((channel, i) => `${channel} ${i + 1}`),
    );
    expect(received.filter((line) => line.endsWith('again'))).toHaveLength(2);
  });

  it('keeps only the order of each channel over a transport that does no more', async () => {
    const { pubSub: parts, publisher: own } = inParts();
    parts.stick((channel) => channel === 'a');
    const failing = sendOn(own, 'a', envelope(1));
    parts.failUnanswered();
    parts.stick((channel) => channel === 'a');
    await turn();
    // The channel b goes on while a waits.
    expect(await sendOn(own, 'b', envelope(2))).toBe(1);
    await turn();
    expect(received).toEqual(['b 2']);
    parts.unstick();
    parts.failUnanswered();
    await failing;
    own.close();
  });

  it('refuses an event at once while too much is in flight for more than a second, and Redis answers late', async () => {
    jest.useFakeTimers();
    const late: (() => void)[] = [];
    const slow = new BreakablePubSub(new InMemoryBus());
    slow.publish = () => new Promise((resolve) => late.push(() => resolve(1)));
    const own = new EventPublisher(
      slow,
      {
        outbox: { ...MANY, maxBytes: 10 * envelope(1).length },
        repair: RING,
        publishTimeoutMs: 5_000,
      },
      new Reporter(new MemoryLogger()),
      () => undefined,
    );
    const outcomes = Array.from({ length: 20 }, (_, i) => sendOn(own, 'a', envelope(i + 1)));
    for (let i = 0; i < 4; i++) {
      await jest.advanceTimersByTimeAsync(400);
      late.shift()?.();
    }
    // 16 of 20 publishes are overdue, and 10 have room.
    await expect(sendOn(own, 'b', envelope(21))).rejects.toMatchObject({ code: 'outbox.full' });
    await expect(sendOn(own, 'b', envelope(22), { volatile: true })).rejects.toMatchObject({
      code: 'redis.unavailable',
    });
    for (const answer of late.splice(0, 8)) answer();
    await jest.advanceTimersByTimeAsync(0);
    outcomes.push(sendOn(own, 'b', envelope(23)));
    for (const answer of late.splice(0)) answer();
    expect(await Promise.all(outcomes)).toEqual(Array.from({ length: 21 }, () => 1));
    own.close();
  });

  describe('numbers each publish on its lane', () => {
    /** The transport names a lane for each test. */
    let lane: string;
    beforeEach(() => {
      lane = 'first';
      Object.assign(pubSub, { laneOf: () => lane });
    });

    it('when it is handed over, and again when it is sent again', async () => {
      const seen = envelopes();
      const send = (channel: string) => sendOn(publisher, channel, envelope(++sequence, 2));
      await send('a');
      pubSub.fallSilent();
      const failed = [send('a'), send('b')];
      pubSub.failUnanswered();
      pubSub.refuse();
      const waits = send('a');
      lane = 'second';
      pubSub.heal();
      await Promise.all([...failed, waits]);
      await turn();
      expect(seen).toEqual(['1/1', '1/2', '1/3', '2/1', '2/2', '2/3']);
      // Those that failed are not on the first lane, and in it nothing is in flight.
      expect(numbered()).toEqual(['1/1 a', '2/1 a', '2/2 b', '2/3 a']);
      expect(publisher.heads()).toEqual([
        { lane: 1, server: 'memory', head: 3, last: 3 },
        { lane: 2, server: 'memory', head: 3, last: 3 },
      ]);
    });

    it('an event for several channels once, and a volatile one, too', async () => {
      const shared = envelope(1);
      await Promise.all([sendOn(publisher, 'a', shared), sendOn(publisher, 'b', shared)]);
      await publish('a', { volatile: true });
      await publish('a');
      expect(numbered()).toEqual(['1/1 a', '1/1 b', '1/3 a']);
    });

    it('an event for channels of two lanes on each of them, and leaves what was handed over as it is', async () => {
      Object.assign(pubSub, { laneOf: (channel: string) => channel });
      const published = jest.spyOn(pubSub, 'publish');
      // The publish history does not copy large events.
      const shared = Buffer.concat([envelope(1, 2), Buffer.alloc(200_000)]);
      await sendOn(publisher, 'a', envelope(1, 2));
      await Promise.all(['a', 'b', 'a'].map((channel) => sendOn(publisher, channel, shared)));
      const stamps = ['1/1', '1/2', '2/1', '1/3'];
      expect(published.mock.calls.map(([, bytes]) => stampOf(bytes))).toEqual(stamps);
      const { publishes } = publisher.after({ ...everything, maxBytes: Infinity });
      expect(publishes.map(({ bytes }) => stampOf(bytes))).toEqual(stamps);
    });

    it('on one for all where the transport names none', async () => {
      const { publisher: own } = inParts();
      for (const channel of ['a', 'b']) await sendOn(own, channel, envelope(++sequence));
      expect(own.heads()).toEqual([{ lane: 1, server: 'memory', head: 2, last: 2 }]);
      expect(own.after(everything).publishes).toHaveLength(2);
      own.close();
    });

    it('and without repair says that it has nothing of what went before', async () => {
      const bare = new EventPublisher(
        pubSub,
        { outbox: MANY, repair: undefined, publishTimeoutMs: 5_000 },
        new Reporter(new MemoryLogger()),
        () => undefined,
      );
      await sendOn(bare, 'a', envelope(1));
      const question = { isWanted: () => true, maxBytes: 1_000 };
      expect(bare.after({ ...question, from: new Map() })).toEqual({
        publishes: [],
        upTo: new Map([[1, 1]]),
        cursor: undefined,
        evicted: new Map([[1, 1]]),
      });
      expect(bare.after({ ...question, from: new Map([[1, 1]]) }).evicted).toEqual(new Map());
      bare.close();
    });
  });

  it('signs each envelope for its channel when it is handed over, with its number', async () => {
    const signed: string[] = [];
    const own = new EventPublisher(
      pubSub,
      { outbox: MANY, repair: RING, publishTimeoutMs: 5_000 },
      new Reporter(new MemoryLogger()),
      () => undefined,
      {
        sign: (bytes, channel) => {
          const { number } = decodeEnvelope(bytes) as Envelope;
          signed.push(`${channel} ${number}`);
        },
      },
    );
    pubSub.refuse();
    const waiting = sendOn(own, 'a', envelope(1, 2));
    expect(signed).toEqual([]);
    pubSub.heal();
    await waiting;
    await sendOn(own, 'b', envelope(2, 2));
    expect(signed).toEqual(['a 1', 'b 2']);
    own.close();
  });

  it('refuses an event with `fail-fast` at once, and never hands it to a repair', async () => {
    pubSub.refuse();
    expect(await publish('a', { mode: 'fail-fast' })).toBe('redis.unavailable');
    expect(await publish('a', { volatile: true })).toBe('redis.unavailable');
    const waiting = publish('a');
    // Queued behind another event.
    expect(await publish('a', { mode: 'fail-fast' })).toBe('redis.unavailable');
    expect(await publish('a', { volatile: true })).toBe('redis.unavailable');
    pubSub.heal();
    await waiting;
    await turn();
    expect(received).toEqual(['a 3']);
    expect(kept()).toEqual([3]);
  });

  it('does not keep volatile events for instances that missed them', async () => {
    expect(await publish('a', { volatile: true })).toBe(1);
    expect(kept()).toEqual([]);
  });

  it('without an outbox refuses events at once; without repair keeps no history, and says so', async () => {
    const bare = new EventPublisher(
      pubSub,
      { outbox: undefined, repair: undefined, publishTimeoutMs: 5_000 },
      new Reporter(new MemoryLogger()),
      () => undefined,
    );
    expect([bare.forgotten.sequence, bare.hasPublishedWithin(1_000)]).toEqual([0, false]);
    expect(await sendOn(bare, 'a', envelope(7))).toBe(1);
    expect([bare.forgotten.sequence, bare.hasPublishedWithin(1_000)]).toEqual([7, true]);
    pubSub.refuse();
    await expect(sendOn(bare, 'a', envelope(8))).rejects.toMatchObject({
      code: 'redis.unavailable',
    });
    expect(bare.backlog).toEqual({ events: 0, bytes: 0 });
    await bare.drain();
    bare.close();
  });

  it('without an outbox sends nothing more to a Redis that has been silent for a second, until it replies', async () => {
    const answers: (() => void)[] = [];
    const silent = new BreakablePubSub(new InMemoryBus());
    silent.publish = () => new Promise((resolve) => answers.push(() => resolve(1)));
    const bare = new EventPublisher(
      silent,
      { outbox: undefined, repair: undefined, publishTimeoutMs: 5_000 },
      new Reporter(new MemoryLogger()),
      () => undefined,
    );
    const refusals: unknown[] = [];
    const sent = [sendOn(bare, 'a', envelope(1))];
    await until(
      () => {
        const more = sendOn(bare, 'a', envelope(2));
        more.catch((error: unknown) => refusals.push(error));
        if (refusals.length === 0) sent.push(more);
        return refusals.length > 0;
      },
      () => 'a refusal',
    );
    expect(refusals).toContainEqual(expect.objectContaining({ code: 'redis.unavailable' }));
    const inFlight = answers.length;
    for (let event = 0; event < 1_000; event++) {
      await expect(sendOn(bare, `${event}`, envelope(3))).rejects.toMatchObject({
        code: 'redis.unavailable',
      });
    }
    expect(answers).toHaveLength(inFlight);

    for (const answer of answers) answer();
    await expect(sent[0]).resolves.toBe(1);
    const after = sendOn(bare, 'a', envelope(4));
    expect(answers).toHaveLength(inFlight + 1);
    answers.at(-1)?.();
    await expect(after).resolves.toBe(1);
    bare.close();
  });

  it('tries the waiting events once more when the app ends', async () => {
    pubSub.refuse();
    const waiting = publish('a');
    const drained = publisher.drain();
    pubSub.heal();
    await drained;
    expect(await waiting).toBe(1);

    pubSub.refuse();
    const late = publish('a');
    await publisher.drain();
    expect(await late).toBe('redis.closed');
  });

  it('gives waiting events the time that a slow transport needs when the app ends', async () => {
    jest.useFakeTimers();
    pubSub.refuse();
    const waiting = Promise.all(Array.from({ length: 30 }, () => publish('a')));
    let answerAt = Date.now();
    pubSub.publish = () => {
      // One answer after the other.
      answerAt = Math.max(answerAt, Date.now()) + 100;
      return new Promise((resolve) => setTimeout(() => resolve(1), answerAt - Date.now()));
    };
    pubSub.heal();
    const drained = publisher.drain();
    await jest.advanceTimersByTimeAsync(3_500);
    await drained;
    expect(await waiting).toEqual(Array.from({ length: 30 }, () => 1));
  });
});
