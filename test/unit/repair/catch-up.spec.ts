import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import * as fc from 'fast-check';
import { CatchUp, type CatchUpDeps, type PulledPage } from '../../../src/repair/catch-up.js';
import type { NumberedArrival } from '../../../src/repair/hold-back-queue.js';
import { Positions } from '../../../src/repair/positions.js';
import { Lane, settle, type LaneBatch } from '../../../src/routing/lanes.js';
import { PublishHistory } from '../../../src/routing/publish-history.js';

const ALL = (): boolean => true;
const REDIS = 'redis';

/** An instance that publishes. Its sequences are those of its emits. */
class Publisher {
  private readonly lane = new Lane(1);
  private readonly history: PublishHistory;
  private readonly inFlight: LaneBatch[] = [];
  private sequence = 0;
  ended = false;
  /** Whether its record still has its lane. */
  lists = true;

  constructor(
    readonly id: string,
    maxBytes = 1_000_000,
  ) {
    this.history = new PublishHistory({ maxBytes, maxAgeMs: 60_000 });
  }

  publish(channel = 'c', bytes = 10): NumberedArrival {
    this.sequence++;
    const batch = this.lane.begin();
    const number = this.lane.last;
    const body = Buffer.alloc(bytes);
    this.history.taken(this.history.add(channel, body, this.sequence, 1, number));
    this.inFlight.push(batch);
    return { channel, sequence: this.sequence, bytes: body, lane: 1, number };
  }

  /** Redis answers its publishes. */
  acknowledge(): void {
    for (const batch of this.inFlight.splice(0)) settle(batch);
  }

  get record() {
    return {
      instanceId: this.id,
      heads: this.lists
        ? [{ lane: 1, server: REDIS, head: this.lane.head, last: this.lane.last }]
        : [],
    };
  }

  answer(
    from: ReadonlyMap<number, number>,
    cursor: number | undefined,
    isWanted: (channel: string) => boolean,
    pageBytes: number,
  ): PulledPage {
    const question = { from, cursor, isWanted, maxBytes: pageBytes };
    const last = new Map([[1, this.lane.last]]);
    const { publishes, evicted, ...page } = this.history.after(question, last);
    return {
      ...page,
      // Here the numbers of the lane are those of the emits.
      arrivals: publishes.map(({ lane, number, channel, bytes }) => ({
        lane,
        number,
        channel,
        bytes,
        sequence: number,
      })),
      forgotten: evicted.get(1),
      forgottenAgeMs: 0,
    };
  }
}

/** An instance that has forgotten events, as each of its pages says. */
class ForgetfulPublisher extends Publisher {
  readonly forgotten: number[] = [];

  override answer(...question: Parameters<Publisher['answer']>): PulledPage {
    return { ...super.answer(...question), forgotten: this.forgotten.shift() };
  }
}

interface Asked {
  readonly origin: string;
  readonly answer: () => void;
  readonly fail: () => void;
}

/** An instance that listens, one Redis, and others that publish. */
class World {
  readonly publishers = new Map<string, Publisher>();
  readonly positions = new Positions(60_000);
  readonly delivered: string[] = [];
  readonly gaps: string[] = [];
  /** For each event that a gap has reported: its name, as among those that were delivered. */
  readonly reported = new Set<string>();
  asked: Asked[] = [];
  /** Those that have left their histories. */
  readonly left = new Map<string, Publisher>();
  private readonly come = new Set<string>();
  /** The records in Redis, with the version at which each was written. */
  private readonly records = new Map<
    string,
    { version: number; record: Publisher['record']; state: 'alive' | 'ended' }
  >();
  private version = 0;
  private readVersion = 0;
  private marks = 0;
  /** What Redis sends to this instance, in its order. */
  private queue: ({ origin: string; arrival: NumberedArrival } | string)[] = [];
  private readonly states = new Map<string, 'alive' | 'ended' | 'lost'>();
  private readonly highest = new Map<string, number>();
  /** How often the next records were wanted soon. */
  wanted = 0;
  /** Outages that are over. */
  outages = 0;
  connected = true;
  readonly errors: unknown[] = [];
  readonly catchUp: CatchUp;

  /** @param maxAskedAtOnce how many instances are asked before their records say that they have published something */
  constructor(
    private readonly pageBytes = 100,
    maxAskedAtOnce = 0,
    recordWithinMs = 0,
    /** Whether instances leave what they have published when they end. */
    leaves = false,
  ) {
    this.positions.begin([]);
    const deps: CatchUpDeps = {
      positions: this.positions,
      ask: (origin, { from, cursor, isConcerned }) =>
        new Promise((resolve, reject) => {
          const answer = (): void => {
            const publisher = this.publishers.get(origin);
            if (publisher === undefined || publisher.ended) return reject(new Error('gone'));
            resolve(publisher.answer(from, cursor, isConcerned, this.pageBytes));
          };
          this.asked.push({ origin, answer, fail: () => reject(new Error('no answer')) });
        }),
      readLeft: leaves
        ? (origin, { from, cursor, isConcerned }) =>
            new Promise((resolve, reject) => {
              const answer = (): void =>
                resolve(this.left.get(origin)?.answer(from, cursor, isConcerned, this.pageBytes));
              this.asked.push({ origin, answer, fail: () => reject(new Error('no Redis')) });
            })
        : undefined,
      deliver: (origin, arrival) => this.deliver(origin, arrival),
      hasCome: (origin, { sequence, channel }) => this.come.has(`${origin} ${sequence} ${channel}`),
      stateOf: (origin) => this.states.get(origin),
      heardOf: (origin) => this.highest.get(origin) ?? 0,
      isWhole: (isConcerned) => isConcerned('mark'),
      gap: ({ instanceId, from, to, reason }) => {
        this.gaps.push(`${instanceId} ${from}-${to} ${reason}`);
        const last = to ?? this.publishers.get(instanceId)?.record.heads[0]?.last ?? 0;
        for (let i = from; i <= last; i++) this.reported.add(`${instanceId}${i}`);
      },
      ended: () => {
        this.outages++;
      },
      wantRecords: () => void this.wanted++,
      recordWithinMs,
      failed: (error) => void this.errors.push(error),
    };
    this.catchUp = new CatchUp(deps, maxAskedAtOnce);
  }

  add(publisher: Publisher): Publisher {
    this.publishers.set(publisher.id, publisher);
    this.write(publisher);
    return publisher;
  }

  write(publisher: Publisher): void {
    const version = ++this.version;
    this.records.set(publisher.id, { version, record: publisher.record, state: 'alive' });
  }

  /** An instance leaves its history and writes its last record. */
  end(publisher: Publisher): void {
    if (publisher.ended) return;
    publisher.acknowledge();
    publisher.ended = true;
    this.left.set(publisher.id, publisher);
    const version = ++this.version;
    this.records.set(publisher.id, { version, record: publisher.record, state: 'ended' });
  }

  publish(publisher: Publisher, channel = 'c', bytes = 10): void {
    const arrival = publisher.publish(channel, bytes);
    if (this.connected) this.queue.push({ origin: publisher.id, arrival });
  }

  /** Reads the changed records, as with each beat. */
  read(): void {
    const changed = [...this.records].filter(([, { version }]) => version > this.readVersion);
    this.positions.read(changed.map(([, { record }]) => record));
    const { version } = this;
    this.readVersion = version;
    for (const [id, entry] of changed) {
      this.states.set(id, entry.state);
      this.catchUp.recordRead(id, entry.version);
    }
    this.catchUp.recordsRead();
  }

  /** The record of an instance that has ended, or is silent, is read. */
  gone(id: string, state: 'ended' | 'lost'): void {
    this.states.set(id, state);
    this.catchUp.recordRead(id, this.version);
  }

  mark(): void {
    const nonce = `m${++this.marks}`;
    this.positions.mark(nonce, REDIS);
    if (this.connected) this.queue.push(nonce);
  }

  /** An instance that lives answers no question for longer than the others wait. */
  async beSilent(publisher: Publisher): Promise<void> {
    for (let second = 0; second < 35; second++) {
      const isOfIt = ({ origin }: Asked): boolean => origin === publisher.id;
      const questions = this.asked.filter(isOfIt);
      this.asked = this.asked.filter((each) => !isOfIt(each));
      for (const { fail } of questions) fail();
      this.write(publisher);
      if (this.connected) this.read();
      await jest.advanceTimersByTimeAsync(1_000);
    }
  }

  /** This instance hears again, holds one event, and gets no answer until the publisher is given up. */
  async giveUp(publisher: Publisher, channel = 'c'): Promise<void> {
    this.subscribe();
    this.write(publisher);
    this.read();
    this.publish(publisher, channel);
    this.receiveAll();
    for (let second = 0; second < 60 && this.catchUp.isUnderway; second++) {
      for (const { fail } of this.asked.splice(0)) fail();
      await jest.advanceTimersByTimeAsync(1_000);
    }
  }

  /** The next message of Redis comes in. */
  receive(): void {
    const next = this.queue.shift();
    if (next === undefined) return;
    if (typeof next === 'string') {
      if (this.positions.heard(next)) this.catchUp.proven();
    } else if (!this.catchUp.intercept(next.origin, next.arrival)) {
      this.deliver(next.origin, next.arrival, true);
    }
  }

  receiveAll(): void {
    while (this.queue.length > 0) this.receive();
  }

  cut(): void {
    if (!this.connected) return;
    this.connected = false;
    this.queue = [];
    this.positions.interrupted();
    this.catchUp.interrupted(ALL);
  }

  subscribe(): void {
    if (this.connected) return;
    this.connected = true;
    const changed = [...this.records].filter(([, { version }]) => version > this.readVersion);
    this.positions.read(changed.map(([, { record }]) => record));
    this.readVersion = this.version;
    for (const [id, entry] of changed) {
      this.states.set(id, entry.state);
      this.catchUp.recordRead(id, entry.version);
    }
    this.catchUp.heardAgain(this.version);
    this.catchUp.recordsRead();
  }

  /** An outage in which an instance publishes events, and writes its record before it is over. */
  miss(publisher: Publisher, count = 1): void {
    this.cut();
    for (let i = 0; i < count; i++) this.publish(publisher);
    this.write(publisher);
    this.subscribe();
  }

  /** As if an event had not come. */
  forget(event: string): void {
    for (const key of this.come)
      if (key.replace(' ', '').startsWith(`${event} `)) this.come.delete(key);
  }

  /** A beat of all: records, marks and what is heard. */
  beat(): void {
    for (const publisher of this.publishers.values()) {
      if (publisher.ended) continue;
      publisher.acknowledge();
      this.write(publisher);
    }
    this.read();
    this.mark();
    this.receiveAll();
  }

  async answerAll(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await Promise.resolve();
      for (const { answer } of this.asked.splice(0)) answer();
    }
  }

  /** Everything comes to rest. */
  async settle(): Promise<void> {
    this.subscribe();
    for (let i = 0; i < 12; i++) {
      this.beat();
      await this.answerAll();
      await jest.advanceTimersByTimeAsync(1_000);
    }
  }

  private deliver(origin: string, { sequence, channel }: NumberedArrival, live = false): void {
    const key = `${origin} ${sequence} ${channel}`;
    // Live events are not looked up, as on the way that is fast.
    if (!live && this.come.has(key)) return;
    this.come.add(key);
    this.highest.set(origin, Math.max(sequence, this.highest.get(origin) ?? 0));
    this.delivered.push(`${origin}${sequence}`);
  }
}

describe('catching up', () => {
  let world: World;
  let a: Publisher;
  beforeEach(() => {
    jest.useFakeTimers();
    world = new World();
    a = world.add(new Publisher('a'));
    world.beat();
  });
  afterEach(async () => {
    world.catchUp.close();
    const { length } = world.asked;
    // The number of timers says nothing: in one process with Jest, those of its reporters are counted, too.
    await jest.advanceTimersByTimeAsync(60_000);
    jest.useRealTimers();
    const { errors, asked } = world;
    if (errors.length > 0 || asked.length > length) throw new Error(`${errors.join()}, asks again`);
  });

  it('asks who has published beyond its position, and delivers what was missed before what came since', async () => {
    const b = world.add(new Publisher('b'));
    world.publish(a);
    world.beat();
    world.miss(a, 3);
    world.publish(a);
    world.publish(b);
    world.receiveAll();
    expect(world.delivered).toEqual(['a1']);
    expect(world.catchUp.heldBytes).toBe(20);
    await world.answerAll();
    expect(world.delivered).toEqual(['a1', 'a2', 'a3', 'a4', 'a5', 'b1']);
    expect([world.catchUp.isUnderway, world.catchUp.heldBytes]).toEqual([false, 0]);
    expect(world.gaps).toEqual([]);
  });

  it('asks an instance of which nothing was proven before the outage for all that it has published', async () => {
    const young = world.add(new Publisher('young'));
    world.read();
    world.cut();
    world.publish(young);
    // Its record is the one that was read before: the next one says what it has published.
    world.subscribe();
    expect(world.catchUp.isUnderway).toBe(true);
    world.beat();
    await world.answerAll();
    expect(world.delivered).toEqual(['young1']);
  });

  it('asks nobody whose next record says that nothing was published', async () => {
    world.cut();
    world.subscribe();
    expect(world.asked).toEqual([]);
    // This record does not say what was published until a moment ago.
    world.read();
    expect(world.catchUp.isUnderway).toBe(true);
    world.catchUp.recordRead('a', 0);
    world.catchUp.recordsRead();
    expect(world.catchUp.isUnderway).toBe(true);
    world.write(a);
    world.read();
    expect(world.catchUp.isUnderway).toBe(false);
    expect(world.asked).toEqual([]);
  });

  it('asks at once if there are few, so that nobody waits for their next records', async () => {
    world = new World(100, 2);
    const [b] = ['b', 'c'].map((id) => world.add(new Publisher(id)));
    world.beat();
    world.cut();
    world.publish(b as Publisher);
    world.subscribe();
    expect(world.asked.map(({ origin }) => origin)).toEqual(['b', 'c']);
    await world.answerAll();
    expect([world.delivered, world.outages]).toEqual([['b1'], 1]);
    const more = ['d', 'e'].map((id) => world.add(new Publisher(id)));
    world.beat();
    world.cut();
    world.publish(more[0] as Publisher);
    world.subscribe();
    expect(world.asked).toEqual([]);
  });

  it('asks an instance whose record has a lane no longer: it may have published something there before', async () => {
    world.publish(a);
    world.beat();
    world.cut();
    world.publish(a);
    a.lists = false;
    world.write(a);
    world.subscribe();
    await world.answerAll();
    expect(world.delivered).toEqual(['a1', 'a2']);
    expect(world.catchUp.isUnderway).toBe(false);
    // In the next outage that lane is of no interest any more.
    world.cut();
    world.subscribe();
    expect(world.asked).toEqual([]);
  });

  it('takes an answer that goes back for none', async () => {
    world.cut();
    for (let i = 0; i < 30; i++) world.publish(a);
    world.write(a);
    let asked = 0;
    jest.spyOn(a, 'answer').mockImplementation(() => {
      asked++;
      return { arrivals: [], upTo: new Map(), cursor: 5, forgotten: undefined, forgottenAgeMs: 0 };
    });
    world.subscribe();
    await world.answerAll();
    expect(asked).toBe(2);
    await jest.advanceTimersByTimeAsync(1_000);
    await world.answerAll();
    expect(asked).toBe(3);
  });

  it('takes no more lanes from one instance than it can have, in however many pages', async () => {
    world.cut();
    world.publish(a);
    world.write(a);
    let pages = 0;
    jest.spyOn(a, 'answer').mockImplementation(() => {
      pages++;
      const lanes = Array.from({ length: 1_024 }, (_, i) => [pages * 10_000 + i, 1] as const);
      const forged = { upTo: new Map(lanes), cursor: pages };
      return { arrivals: [], forgotten: undefined, forgottenAgeMs: 0, ...forged };
    });
    world.subscribe();
    await world.answerAll();
    expect(pages).toBe(3);
    // Those who publish such pages are given up like one that answers nothing.
    for (let second = 0; second < 60 && world.catchUp.isUnderway; second++) {
      await jest.advanceTimersByTimeAsync(1_000);
      world.write(a);
      world.read();
      await world.answerAll();
    }
    expect(world.gaps).toEqual(['a 1-null no-answer']);
  });

  it('asks for one page at a time, of four instances at a time', async () => {
    const others = ['b', 'c', 'd', 'e', 'f'].map((id) => world.add(new Publisher(id)));
    world.beat();
    world.cut();
    for (const publisher of [a, ...others]) {
      for (let i = 0; i < 30; i++) world.publish(publisher);
      world.write(publisher);
    }
    world.subscribe();
    expect(world.asked.map(({ origin }) => origin)).toEqual(['a', 'b', 'c', 'd']);
    await world.answerAll();
    await world.answerAll();
    await world.answerAll();
    expect(world.delivered).toHaveLength(180);
    expect(world.delivered.filter((each) => each.startsWith('a'))).toEqual(
      Array.from({ length: 30 }, (_, i) => `a${i + 1}`),
    );
    expect(world.catchUp.isUnderway).toBe(false);
  });

  it('gives up its question when the connection is lost again, and goes on where it was', async () => {
    world.miss(a, 30);
    world.asked.shift()?.answer();
    await jest.advanceTimersByTimeAsync(0);
    const before = world.delivered.length;
    expect(before).toBeGreaterThan(0);
    expect(world.asked).toHaveLength(1);
    world.cut();
    const lost = world.asked.splice(0);
    world.publish(a);
    world.write(a);
    world.subscribe();
    for (const { answer } of lost) answer();
    await jest.advanceTimersByTimeAsync(0);
    // The answer to a question of before is not used.
    expect(world.delivered).toHaveLength(before);
    await world.answerAll();
    expect(world.delivered).toEqual(Array.from({ length: 31 }, (_, i) => `a${i + 1}`));
  });

  it('asks again an instance that does not answer, and reports a gap once it has ended', async () => {
    world.miss(a);
    for (let i = 0; i < 5; i++) {
      for (const { fail } of world.asked.splice(0)) fail();
      await jest.advanceTimersByTimeAsync(1_000);
      expect(world.asked).toHaveLength(1);
    }
    world.publish(a);
    world.receiveAll();
    expect(world.delivered).toEqual([]);
    world.gone('a', 'ended');
    expect(world.gaps).toEqual(['a 1-null no-answer']);
    expect(world.delivered).toEqual(['a2']);
    expect(world.catchUp.isUnderway).toBe(false);
  });

  it('gives up an instance that lives and never answers: its events are not held for ever', async () => {
    world.publish(a);
    world.receiveAll();
    world.cut();
    world.publish(a);
    world.subscribe();
    world.write(a);
    world.read();
    world.publish(a);
    world.receiveAll();
    for (let i = 0; i < 60 && world.catchUp.isUnderway; i++) {
      for (const { fail } of world.asked.splice(0)) fail();
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(world.gaps).toEqual(['a 2-null no-answer']);
    expect(world.delivered).toEqual(['a1', 'a3']);
    expect([world.catchUp.isUnderway, world.catchUp.heldBytes]).toEqual([false, 0]);
  });

  describe('a range that was reported as a gap, and later events were delivered,', () => {
    beforeEach(() => {
      world.publish(a);
      world.receiveAll();
    });

    it('stays missing, although a later outage begins before a mark has proven anything', async () => {
      world.cut();
      world.publish(a);
      await world.giveUp(a);
      world.publish(a);
      world.receiveAll();
      world.miss(a);
      world.publish(a);
      world.receiveAll();
      await world.answerAll();
      expect(world.delivered).toEqual(['a1', 'a3', 'a4', 'a5', 'a6']);
      expect(world.gaps).toEqual(['a 2-null no-answer']);
    });

    it('stays missing on its channels only', async () => {
      world.catchUp.interrupted((channel) => channel === 'one');
      a.publish('one');
      a.publish('two');
      world.catchUp.heardAgain(0);
      await world.giveUp(a, 'one');
      expect(world.delivered).toEqual(['a1', 'a4']);
      world.catchUp.interrupted(ALL, new Map());
      world.catchUp.heardAgain(0);
      world.write(a);
      world.read();
      await world.answerAll();
      expect(world.delivered).toEqual(['a1', 'a4', 'a3']);
    });

    it('stays missing when its instance was lost, and is back', async () => {
      world.miss(a);
      world.publish(a);
      world.receiveAll();
      world.gone('a', 'lost');
      expect([world.delivered, world.gaps]).toEqual([['a1', 'a3'], ['a 2-null no-answer']]);
      world.publish(a);
      await world.settle();
      expect(world.delivered).toEqual(['a1', 'a3', 'a4']);
      expect(world.catchUp.isUnderway).toBe(false);
    });

    it('stays missing when its instance has ended, and its pages are there later', async () => {
      world.catchUp.close();
      world = new World(100, 0, 0, true);
      a = world.add(new Publisher('a'));
      world.beat();
      world.miss(a);
      world.publish(a);
      world.receiveAll();
      world.end(a);
      world.left.clear();
      world.read();
      await world.answerAll();
      await jest.advanceTimersByTimeAsync(1_000);
      await world.answerAll();
      expect([world.delivered, world.gaps]).toEqual([['a2'], ['a 1-null no-answer']]);
      world.left.set('a', a);
      world.cut();
      await world.settle();
      expect(world.delivered).toEqual(['a2']);
    });

    it('stays missing when its live events come after a page whose instance has forgotten them', async () => {
      const forgetful = world.add(new ForgetfulPublisher('f'));
      world.beat();
      world.cut();
      world.publish(forgetful);
      world.subscribe();
      world.publish(forgetful);
      const { answer } = forgetful;
      jest.spyOn(forgetful, 'answer').mockImplementation((...question) => {
        const page = answer.apply(forgetful, question);
        return { ...page, arrivals: page.arrivals.slice(2), forgotten: 2 };
      });
      world.publish(forgetful);
      world.write(forgetful);
      world.read();
      await world.answerAll();
      expect(world.gaps).toEqual(['f 1-2 forgotten']);
      world.publish(forgetful);
      world.receiveAll();
      expect(world.delivered).toEqual(['a1', 'f3', 'f4']);
    });

    it('has no event that its instance published later, before it ended', async () => {
      world.catchUp.close();
      world = new World(100, 8, 0, true);
      a = world.add(new Publisher('a'));
      const b = world.add(new Publisher('b'));
      world.beat();
      world.cut();
      world.publish(a);
      world.publish(b);
      world.subscribe();
      await world.beSilent(a);
      expect([world.gaps, world.catchUp.isUnderway]).toEqual([['a 1-null no-answer'], true]);
      world.publish(a);
      world.end(a);
      world.read();
      // The event is in flight, and b has not answered yet.
      world.cut();
      await world.settle();
      expect(world.delivered).toEqual(['a2', 'b1']);
    });

    it('has none of the events that its instance publishes later', async () => {
      world.cut();
      world.publish(a);
      await world.giveUp(a);
      world.cut();
      for (let i = 0; i < 30; i++) world.publish(a);
      await world.settle();
      expect(world.delivered).toEqual([
        'a1',
        'a3',
        ...Array.from({ length: 30 }, (_, i) => `a${i + 4}`),
      ]);
    });
  });

  it('remembers a bounded number of publishers that are no instances', () => {
    world.cut();
    const arrival = { channel: 'c', sequence: 1, bytes: Buffer.alloc(1), lane: 1, number: 1 };
    const held = Array.from({ length: 20_000 }, (_, i) =>
      world.catchUp.intercept(`f${i}`, arrival),
    );
    expect(held.filter(Boolean).length).toBeLessThan(17_000);
    expect(world.catchUp.intercept('a', arrival)).toBe(true);
  });

  it('reports a gap for an instance that was lost, and gets what it had missed once it is back', async () => {
    world.publish(a);
    world.receiveAll();
    world.cut();
    world.publish(a);
    world.gone('a', 'lost');
    expect(world.gaps).toEqual(['a 2-null no-answer']);
    world.subscribe();
    // Other outages make no difference.
    world.cut();
    world.subscribe();
    expect(world.catchUp.isUnderway).toBe(false);
    // Its events come before its record.
    world.publish(a);
    world.receiveAll();
    expect(world.delivered).toEqual(['a1']);
    await world.answerAll();
    expect(world.delivered).toEqual(['a1', 'a2', 'a3']);
    world.beat();
    expect(world.gaps).toHaveLength(1);
    expect([world.catchUp.isUnderway, world.catchUp.isActive]).toEqual([false, false]);
  });

  it('reports what an instance that had ended before the interruption published and nothing has proven, once', () => {
    const ends = world.add(new Publisher('ends'));
    world.beat();
    world.publish(ends);
    ends.acknowledge();
    world.write(ends);
    world.read();
    world.gone('ends', 'ended');
    for (let i = 0; i < 2; i++) {
      world.cut();
      world.subscribe();
      world.beat();
    }
    expect(world.gaps).toEqual(['ends 1-null no-answer']);
  });

  it('asks one instance that has published where this one does not hear', async () => {
    world.connected = false;
    world.publish(a);
    world.beat();
    world.connected = true;
    world.catchUp.unheard('a');
    world.publish(a);
    world.receiveAll();
    expect(world.delivered).toEqual([]);
    await world.answerAll();
    expect(world.delivered).toEqual(['a1', 'a2']);
    expect(world.catchUp.isUnderway).toBe(false);
  });

  it('asks for what came before the pages so far, if other channels are missing since earlier', async () => {
    world.publish(a, 'late');
    world.receiveAll();
    world.miss(a, 15);
    world.asked.shift()?.answer();
    await jest.advanceTimersByTimeAsync(0);
    expect(world.delivered.length).toBeGreaterThan(1);
    world.catchUp.interrupted((channel) => channel === 'late', new Map());
    world.delivered.length = 0;
    world.forget('a1');
    world.catchUp.heardAgain(0);
    world.read();
    await world.answerAll();
    expect(world.delivered[0]).toBe('a1');
    expect(world.delivered).toContain('a16');
  });

  it('asks an instance that published before it wrote its first record, when the outage is over', async () => {
    world = new World(100, 0, 60_000);
    const slow = new Publisher('slow');
    world.cut();
    world.publishers.set(slow.id, slow);
    world.publish(slow);
    world.subscribe();
    expect(world.outages).toBe(1);
    world.publish(slow);
    world.receiveAll();
    expect([world.delivered, world.wanted]).toEqual([[], 1]);
    world.write(slow);
    world.read();
    await world.answerAll();
    expect(world.delivered).toEqual(['slow1', 'slow2']);
    expect(world.gaps).toEqual([]);
    expect(world.catchUp.isUnderway).toBe(false);
  });

  it('asks an instance that was taken for a publisher without a record, once its record is there', async () => {
    world = new World(100, 0, 60_000);
    const slow = new Publisher('slow');
    world.cut();
    world.publishers.set(slow.id, slow);
    world.publish(slow);
    world.subscribe();
    world.publish(slow);
    world.receiveAll();
    world.read();
    expect(world.delivered).toEqual(['slow2']);
    world.write(slow);
    world.read();
    await world.answerAll();
    expect(world.delivered).toEqual(['slow2', 'slow1']);
  });

  it('reports no gap for an instance that has ended and had published nothing', () => {
    world.cut();
    world.subscribe();
    world.gone('a', 'ended');
    expect(world.gaps).toEqual([]);
    expect(world.catchUp.isUnderway).toBe(false);
  });

  it('reports a gap for a short-lived instance that it never knew', () => {
    world.cut();
    const brief = world.add(new Publisher('brief'));
    world.publish(brief);
    world.write(brief);
    brief.ended = true;
    world.subscribe();
    world.gone('brief', 'ended');
    expect(world.gaps).toEqual(['brief 1-null no-answer']);
  });

  describe('an instance that has ended', () => {
    beforeEach(() => {
      world.catchUp.close();
      world = new World(100, 0, 0, true);
      a = world.add(new Publisher('a'));
      world.beat();
    });

    it('left what was missing, although it was never known', async () => {
      world.cut();
      const b = world.add(new Publisher('b'));
      for (let i = 0; i < 30; i++) world.publish(b);
      world.end(b);
      await world.settle();
      expect(world.delivered).toEqual(Array.from({ length: 30 }, (_, i) => `b${i + 1}`));
      expect([world.gaps, world.catchUp.isUnderway]).toEqual([[], false]);
    });

    it('left the rest of what it was asked for', async () => {
      world.miss(a, 30);
      await world.answerAll();
      world.asked[0]?.answer();
      await Promise.resolve();
      world.end(a);
      world.read();
      await world.settle();
      expect(world.delivered).toEqual(Array.from({ length: 30 }, (_, i) => `a${i + 1}`));
      expect(world.gaps).toEqual([]);
    });

    it('is read again while Redis does not answer, and for so long its channels are missing', async () => {
      world.cut();
      world.publish(a);
      world.end(a);
      world.subscribe();
      world.asked.shift()?.fail();
      await jest.advanceTimersByTimeAsync(1_000);
      expect(world.catchUp.isUnderway).toBe(true);
      await world.answerAll();
      expect([world.delivered, world.gaps, world.catchUp.isUnderway]).toEqual([['a1'], [], false]);
    });

    it('left what was missing when it was lost, and was back meanwhile', async () => {
      world.cut();
      world.publish(a);
      world.subscribe();
      world.gone('a', 'lost');
      expect([world.gaps, world.delivered]).toEqual([['a 1-null no-answer'], []]);
      world.end(a);
      world.read();
      await world.settle();
      expect([world.delivered, world.catchUp.isActive]).toEqual([['a1'], false]);
    });

    it('is given up when Redis returns no page for 30 s, although it has no later record', async () => {
      world.cut();
      world.publish(a);
      world.end(a);
      world.subscribe();
      for (let second = 0; second < 60 && world.catchUp.isUnderway; second++) {
        for (const { fail } of world.asked.splice(0)) fail();
        await jest.advanceTimersByTimeAsync(1_000);
      }
      expect([world.gaps, world.catchUp.isUnderway]).toEqual([['a 1-null no-answer'], false]);
    });

    it('left nothing: that is a gap, once', async () => {
      world.publish(a);
      world.beat();
      world.cut();
      world.publish(a);
      world.end(a);
      world.left.clear();
      for (let outage = 0; outage < 2; outage++) {
        await world.settle();
        world.cut();
      }
      await world.settle();
      expect(world.gaps).toEqual(['a 2-null no-answer']);
      expect(world.asked).toEqual([]);
    });

    it('published after it had left its history: that is a gap, behind the rest', async () => {
      world.cut();
      world.publish(a);
      const left = new Publisher('a');
      left.publish();
      world.publish(a);
      world.end(a);
      world.left.set('a', left);
      await world.settle();
      expect(world.delivered).toEqual(['a1']);
      expect(world.gaps).toEqual(['a 1-null no-answer']);
    });

    it('had published on a server that this instance has left', async () => {
      world.end(a);
      world.read();
      world.catchUp.unheard('a');
      await world.answerAll();
      expect([world.gaps, world.catchUp.isUnderway]).toEqual([[], false]);
      const b = world.add(new Publisher('b'));
      world.beat();
      b.publish();
      world.end(b);
      world.read();
      world.catchUp.unheard('b');
      await world.answerAll();
      expect([world.delivered, world.gaps]).toEqual([['b1'], []]);
      expect(world.catchUp.isUnderway).toBe(false);
    });
  });

  it('reports a gap for what its publisher has forgotten, and delivers the rest', async () => {
    const small = world.add(new Publisher('small', 30));
    world.beat();
    world.miss(small, 5);
    await world.answerAll();
    expect(world.gaps).toEqual(['small 1-2 forgotten']);
    expect(world.delivered).toEqual(['small3', 'small4', 'small5']);
  });

  it('delivers held events that their publisher has forgotten meanwhile, before the later ones of its page', async () => {
    const small = world.add(new Publisher('small', 30));
    world.beat();
    world.miss(small, 2);
    for (let i = 0; i < 6; i++) world.publish(small);
    world.receiveAll();
    await world.answerAll();
    expect(world.delivered).toEqual(['small3', 'small4', 'small5', 'small6', 'small7', 'small8']);
    expect(world.gaps).toEqual(['small 1-5 forgotten']);
  });

  it('reports once what several pages say is forgotten', async () => {
    const forgetful = new ForgetfulPublisher('f');
    world.add(forgetful);
    forgetful.forgotten.push(20, 20, 24, 22, 20, 24);
    world.beat();
    world.miss(forgetful, 50);
    await world.answerAll();
    expect(forgetful.forgotten).toEqual([]);
    expect(world.gaps).toEqual(['f 1-20 forgotten', 'f 21-24 forgotten']);
  });

  it('drops live events that the pages have overtaken, until a mark proves that no more can come', async () => {
    world.miss(a);
    // It is on its way, and on the page as well.
    world.publish(a);
    await world.answerAll();
    expect(world.delivered).toEqual(['a1', 'a2']);
    world.receiveAll();
    expect(world.delivered).toEqual(['a1', 'a2']);
    world.beat();
    world.publish(a);
    world.receiveAll();
    expect(world.delivered).toEqual(['a1', 'a2', 'a3']);
  });

  it('delivers a live event of another channel, although a page has gone beyond its number', async () => {
    world.catchUp.interrupted((channel) => channel === 'late');
    world.publish(a, 'other');
    world.publish(a, 'late');
    world.write(a);
    world.subscribe();
    world.read();
    world.catchUp.heardAgain(0);
    await world.answerAll();
    expect(world.delivered).toEqual(['a2']);
    world.receiveAll();
    expect(world.delivered).toEqual(['a2', 'a1']);
  });

  it('holds nothing of a publisher that is no instance, for longer than until the next records', () => {
    world.cut();
    world.subscribe();
    const arrival = { channel: 'c', sequence: 1, bytes: Buffer.alloc(1), lane: 0, number: 0 };
    expect(world.catchUp.intercept('outside', arrival)).toBe(true);
    expect(world.catchUp.intercept('forger', { ...arrival, lane: 7, number: 2 ** 40 })).toBe(true);
    world.read();
    expect(world.delivered).toEqual(['outside1', 'forger1']);
    expect(world.gaps).toEqual([]);
    // It cannot move the position of an instance either.
    world.catchUp.intercept('a', { ...arrival, lane: 1, number: 2 ** 40 });
    expect(world.positions.of('a').get(1) ?? 0).toBe(0);
  });

  it('holds a bounded amount, and asks for what it did not hold', async () => {
    const mib = 1024 * 1024;
    world = new World(8 * mib);
    a = world.add(new Publisher('a', 200 * mib));
    world.beat();
    world.miss(a);
    for (let i = 0; i < 40; i++) world.publish(a, 'c', mib);
    world.receiveAll();
    expect(world.catchUp.heldBytes).toBeLessThanOrEqual(32 * mib);
    await world.settle();
    expect(world.delivered).toEqual(Array.from({ length: 41 }, (_, i) => `a${i + 1}`));
    expect(world.catchUp.heldBytes).toBe(0);
  });

  const KINDS = [
    'publish',
    'publish',
    'publish',
    'write',
    'acknowledge',
    'read',
    'mark',
    'receive',
    'receive',
    'cut',
    'subscribe',
    'subscribe',
    'answer',
    'answer',
    'fail',
    'pause',
    'beat',
    'end',
  ] as const;
  type Kind = (typeof KINDS)[number] | 'silent';

  /** Runs steps in many orders, until everything is at rest. */
  async function whatever(
    kinds: readonly Kind[],
    numRuns: number,
    check: (own: World, publishers: readonly Publisher[]) => void,
  ): Promise<void> {
    const step = fc.record({ kind: fc.constantFrom<Kind>(...kinds), who: fc.nat(2), n: fc.nat(5) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 100, maxLength: 150 }),
        fc.boolean(),
        async (steps, areFew) => {
          const own = new World(40, areFew ? 8 : 0, 0, true);
          const publishers = ['x', 'y', 'z'].map((id) => own.add(new Publisher(id)));
          own.beat();
          for (const { kind, who, n } of steps) {
            const publisher = publishers[who] as Publisher;
            // One remains.
            if (publisher.ended || (kind === 'end' && who === 0)) continue;
            const run: Record<Kind, () => void | Promise<void>> = {
              publish: () => own.publish(publisher),
              write: () => own.write(publisher),
              acknowledge: () => publisher.acknowledge(),
              read: () => own.read(),
              mark: () => own.mark(),
              receive: () => own.receive(),
              cut: () => own.cut(),
              subscribe: () => own.subscribe(),
              answer: () => own.asked.splice(n % own.asked.length, 1)[0]?.answer(),
              fail: () => own.asked.splice(n % own.asked.length, 1)[0]?.fail(),
              pause: () => jest.advanceTimersByTime(500),
              beat: () => own.beat(),
              end: () => own.end(publisher),
              silent: () => own.beSilent(publisher),
            };
            await run[kind]();
            for (let turn = 0; turn < 4; turn++) await Promise.resolve();
          }
          await own.settle();
          expect([own.errors, own.catchUp.isUnderway]).toEqual([[], false]);
          check(own, publishers);
          own.catchUp.close();
        },
      ),
      { numRuns },
    );
  }

  /** The events of an instance, by name. */
  function eventsOf({ id, record }: Publisher): string[] {
    return Array.from({ length: record.heads[0]?.head ?? 0 }, (_, i) => `${id}${i + 1}`);
  }

  it('delivers each event once, in order, and reports no gap, whatever happens in whatever order', async () => {
    await whatever(KINDS, 300, (own, publishers) => {
      for (const publisher of publishers) {
        const delivered = own.delivered.filter((each) => each.startsWith(publisher.id));
        expect(delivered).toEqual(eventsOf(publisher));
      }
      expect(own.gaps).toEqual([]);
    });
  });

  it('delivers each event once, in order, or reports it in a gap, although instances answer nothing for long', async () => {
    let given = 0;
    await whatever([...KINDS, 'silent'], 200, (own, publishers) => {
      given += own.gaps.length;
      for (const publisher of publishers) {
        const delivered = own.delivered.filter((each) => each.startsWith(publisher.id));
        const isThere = new Set(delivered);
        const all = eventsOf(publisher);
        expect(delivered).toEqual(all.filter((each) => isThere.has(each)));
        expect(all.filter((each) => !isThere.has(each) && !own.reported.has(each))).toEqual([]);
      }
    });
    expect(given).toBeGreaterThan(0);
  });
});
