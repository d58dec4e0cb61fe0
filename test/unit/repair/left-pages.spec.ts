import { beforeEach, describe, expect, it } from '@jest/globals';
import { MessageAuthenticator } from '../../../src/channels/message-authenticator.js';
import type { LeftHistories, LeftPage } from '../../../src/cluster/records/left-histories.js';
import { PropagatorError } from '../../../src/errors.js';
import { resolveOptions } from '../../../src/options/resolve-options.js';
import { InMemoryPubSub } from '../../../src/redis/in-memory-pub-sub.js';
import { LeftPages } from '../../../src/repair/left-pages.js';
import { Reporter } from '../../../src/reporting/reporter.js';
import { EventPublisher } from '../../../src/routing/event-publisher.js';
import type { LanePositions } from '../../../src/routing/lanes.js';
import type { HistoryLimits } from '../../../src/routing/publish-history.js';
import { encodePacket } from '../../../src/wire/encode-packet.js';
import { encodeEnvelope } from '../../../src/wire/envelope.js';
import { EVENT_PACKET } from '../../../src/wire/wire-packet.js';
import { MemoryLogger } from '../../support/memory-logger.js';
import { Encoder } from 'socket.io-parser';

const NOTHING: LanePositions = new Map();
const AGE_MS = 3_000;
const SECRET = 'a secret of more than 32 characters';

/** A store in memory. */
class Store implements LeftHistories {
  pages: readonly string[] = [];
  keptMs = 0;
  error: Error | undefined;

  async leave(pages: readonly string[], keptMs: number): Promise<void> {
    if (this.error !== undefined) throw this.error;
    this.pages = pages;
    this.keptMs = keptMs;
  }
  async read(_: string, index: number, maxLength: number): Promise<LeftPage | undefined> {
    const text = this.pages[index];
    if (text === undefined || text.length > maxLength) return undefined;
    return { text, ageMs: AGE_MS };
  }
  close(): void {}
}

describe('what an instance leaves when it ends', () => {
  const id = '0123456789abcdef';
  let store: Store;
  let logger: MemoryLogger;
  let reporter: Reporter;
  let publisher: EventPublisher;
  let left: LeftPages;

  beforeEach(() => {
    store = new Store();
    logger = new MemoryLogger();
    reporter = new Reporter(logger);
    publisher = given({ maxBytes: 4_000_000, maxAgeMs: 60_000 });
    left = leftBy();
  });

  function given(repair: HistoryLimits | undefined): EventPublisher {
    const options = { outbox: undefined, repair, publishTimeoutMs: 1_000 };
    return new EventPublisher(new InMemoryPubSub(), options, reporter, () => undefined);
  }

  function leftBy(secret?: string): LeftPages {
    const pubSub = new InMemoryPubSub();
    const options = resolveOptions({ pubSub, ...(secret !== undefined && { secret }) }, logger);
    const guard = MessageAuthenticator.of(options, reporter);
    return new LeftPages({
      histories: store,
      publisher,
      reporter,
      guard,
      name: 'app',
      maxMessageBytes: 4_000_000,
    });
  }

  async function publish(count: number, bytes = 10, channel = 'c'): Promise<void> {
    for (let n = 1; n <= count; n++) {
      const data = ['n', 'x'.repeat(bytes)];
      const parts = encodePacket(new Encoder(), { type: EVENT_PACKET, nsp: '/', data });
      const flags = { volatile: false, compress: true, customParser: false, except: [], rooms: [] };
      const origin = Buffer.from(id, 'hex');
      const stamp = { origin, sequence: publisher.sequence + 1, sentAt: Date.now() };
      await publisher.publish(
        channel,
        encodeEnvelope({ ...stamp, ...flags }, parts).bytes,
        {},
        () => undefined,
      );
    }
  }

  /** Reads all pages after a position. */
  async function read(
    from: LanePositions = NOTHING,
    isWanted: (channel: string) => boolean = () => true,
  ) {
    const sequences: number[] = [];
    const forgotten: (number | undefined)[] = [];
    let cursor: number | undefined;
    let pages = 0;
    let upTo: LanePositions = NOTHING;
    do {
      const page = await left.read(id, { from, cursor, isWanted });
      if (page === undefined) return undefined;
      pages++;
      sequences.push(...page.arrivals.map(({ sequence }) => sequence));
      if (page.forgotten !== undefined) forgotten.push(page.forgotten);
      ({ cursor, upTo } = page);
    } while (cursor !== undefined);
    return { pages, sequences, forgotten, upTo: [...upTo] };
  }

  it('is read page by page, beyond a position, for the wanted channels', async () => {
    await publish(4, 100_000);
    await publish(1, 10, 'other');
    await left.leave(id, 4_000_000, 60_000);
    expect(store.keptMs).toBe(60_000);
    expect(await read()).toEqual({
      pages: 2,
      sequences: [1, 2, 3, 4, 5],
      forgotten: [],
      upTo: [[1, 5]],
    });
    const rest = await read(new Map([[1, 2]]), (channel) => channel === 'c');
    expect(rest?.sequences).toEqual([3, 4]);
  });

  it('says how long ago its events were sent', async () => {
    await publish(1);
    await left.leave(id, 1_000, 60_000);
    const before = Date.now();
    const page = await left.read(id, { from: NOTHING, cursor: undefined, isWanted: () => true });
    const [arrival] = page?.arrivals ?? [];
    // The wall clock and the monotonic one may differ by some ms.
    expect(before - (arrival?.sentAt ?? 0)).toBeGreaterThanOrEqual(AGE_MS - 100);
  });

  it('is bounded: the newest events remain, and those before are known to be forgotten', async () => {
    await publish(10, 1_000);
    await left.leave(id, 3_500, 60_000);
    expect(await read()).toMatchObject({ sequences: [8, 9, 10], forgotten: [7] });
    expect(await read(new Map([[1, 7]]))).toMatchObject({ sequences: [8, 9, 10], forgotten: [] });
  });

  it('is nothing if it has published nothing, or keeps no history', async () => {
    await left.leave(id, 1_000, 60_000);
    publisher = given(undefined);
    left = leftBy();
    await publish(1);
    await left.leave(id, 1_000, 60_000);
    expect(store.pages).toEqual([]);
    expect(await read()).toBeUndefined();
  });

  it('is refused if it was signed by somebody else, for another instance, or in another place', async () => {
    left = leftBy(SECRET);
    await publish(4, 100_000);
    await left.leave(id, 4_000_000, 60_000);
    const [first = '', second = ''] = store.pages;
    expect(await read()).toMatchObject({ sequences: [1, 2, 3, 4] });
    for (const pages of [
      [second],
      [first.replace(' ', ' A')],
      [first.split(' ').slice(0, 2).join(' ')],
    ]) {
      store.pages = pages;
      expect(await read()).toBeUndefined();
    }
    expect(reporter.counts()).toEqual({ 'message.forged': 2, 'message.unsigned': 1 });
  });

  it.each([
    '',
    'x',
    '{}',
    '[] AAAA',
    '{"upTo":[]} AAAA',
    '{"upTo":1} ',
    `{"upTo":[],"evicted":7} `,
  ])('is nothing, and reported, if it is malformed: %j', async (text) => {
    store.pages = [text];
    expect(await read()).toBeUndefined();
    expect(reporter.counts()).toEqual({ 'record.malformed': 1 });
  });

  it('is missing, and that is counted, if Redis is down; it is reported if Redis refuses it', async () => {
    await publish(1);
    store.error = PropagatorError.of('redis.unavailable', ['down', 'nothing']);
    await left.leave(id, 1_000, 60_000);
    expect(logger.matching(/history\.not-left/)).toHaveLength(0);
    store.error = new Error('NOPERM');
    await left.leave(id, 1_000, 60_000);
    expect(reporter.counts()).toEqual({ 'history.not-left': 2 });
    expect(
      logger.matching(/history\.not-left: the last events of this instance: .*NOPERM/),
    ).toHaveLength(1);
  });
});
