import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { PulledPage } from '../../../src/repair/catch-up.js';
import { ChannelFilter } from '../../../src/repair/channel-filter.js';
import { encodePositions, pageIn, pageServer } from '../../../src/repair/pages.js';
import { PublishHistory } from '../../../src/routing/publish-history.js';
import { packPage, unpackPage } from '../../../src/wire/page-pack.js';
import { envelopeOf } from '../../support/envelope-of.js';

const ID = '0123456789abcdef';

const envelope = (sequence: number, id = ID, text?: string): Buffer =>
  envelopeOf(id, sequence, text);

const channels = (...names: string[]) => ChannelFilter.of(names, () => true).encode();
const shown = (page: PulledPage | undefined) =>
  page?.arrivals.map(({ lane, number, channel }) => `${lane}/${number} ${channel}`);

const aged = (ageMs: number) =>
  packPage([{ channel: 'a', ageMs, lane: 1, number: 1, bytes: Buffer.from('xyz') }]);

describe('pages of published events', () => {
  let history: PublishHistory;
  let last: Map<number, number>;

  function given(maxMessageBytes = 1024 * 1024, maxBytes = 10_000_000) {
    history = new PublishHistory({ maxBytes, maxAgeMs: 60_000 });
    last = new Map();
    const forgottenAt = performance.now() - 5_000;
    const handler = pageServer({
      maxMessageBytes,
      after: (question) => history.after(question, last),
      forgotten: () => ({ sequence: 77, at: forgottenAt }),
    });
    const context = { timeoutMs: 1_000, push: () => Promise.resolve(true) };
    return (params: unknown, origin = 'asker') => handler(params, { ...context, origin });
  }

  function publish(channel: string, bytes = envelope(last.size + 1)): void {
    const number = (last.get(1) ?? 0) + 1;
    history.taken(history.add(channel, bytes, number, 1, number));
    last.set(1, number);
  }

  it('have the events of the wanted channels after a position, and say where they end', () => {
    const ask = given();
    for (const channel of ['a', 'b', 'a']) publish(channel);
    const page = pageIn(ID, ask({ from: [[1, 1]], scope: 1, ...channels('a') }));
    expect(shown(page)).toEqual(['1/3 a']);
    expect(page).toMatchObject({
      upTo: new Map([[1, 3]]),
      cursor: undefined,
      forgotten: undefined,
      forgottenAgeMs: 0,
    });
  });

  it('take the channels once for each scope', () => {
    const ask = given();
    publish('a');
    publish('b');
    const again = { from: [], scope: 1 };
    expect(pageIn(ID, ask(again))).toBeUndefined();
    expect(shown(pageIn(ID, ask({ ...again, ...channels('b') })))).toEqual(['1/2 b']);
    expect(shown(pageIn(ID, ask(again)))).toEqual(['1/2 b']);
    expect(pageIn(ID, ask({ ...again, scope: 2 }))).toBeUndefined();
    expect(pageIn(ID, ask(again, 'another'))).toBeUndefined();
    // An instance that is not among the last ones has to send them once more.
    for (let i = 0; i < 256; i++) ask({ ...again, ...channels('a') }, `asker ${i}`);
    expect(pageIn(ID, ask(again))).toBeUndefined();
    expect(shown(pageIn(ID, ask(again, 'asker 3')))).toEqual(['1/1 a']);
  });

  it('need a bounded amount of memory for the channels of those who ask', () => {
    const ask = given();
    publish('a');
    const filter = Buffer.alloc(128 * 1024, 255);
    for (let i = 0; i < 200; i++) ask({ from: [], scope: 1, filter }, `asker ${i}`);
    const isKnown = (_: unknown, i: number) =>
      pageIn(ID, ask({ from: [], scope: 1 }, `asker ${i}`)) !== undefined;
    expect(Array.from({ length: 200 }).filter(isKnown)).toHaveLength(64);
    // It is one object of any size, that a later question could not name.
    expect(() => ask({ from: [], scope: ['x'.repeat(1_000)], ...channels('a') })).toThrow(
      TypeError,
    );
  });

  it('fit into a message, each with at least one event', () => {
    const ask = given(200_000);
    for (let i = 0; i < 6; i++) publish('a', envelope(i + 1, ID, 'x'.repeat(90_000)));
    const pages: (string[] | undefined)[] = [];
    let next: object = { from: [], scope: 1, ...channels('a') };
    for (let turn = 0; turn < 10; turn++) {
      const page = pageIn(ID, ask(next));
      pages.push(shown(page));
      if (page?.cursor === undefined) break;
      next = { from: encodePositions(page.upTo), cursor: page.cursor, scope: 1 };
    }
    expect(pages).toEqual([
      ['1/1 a', '1/2 a'],
      ['1/3 a', '1/4 a'],
      ['1/5 a', '1/6 a'],
    ]);
  });

  it('say what is not kept any more, and what does not fit into a message', () => {
    const ask = given(200_000, 250_000);
    for (let i = 1; i <= 4; i++) publish('a', envelope(i, ID, 'x'.repeat(90_000)));
    const page = pageIn(ID, ask({ from: [], scope: 1, ...channels('a') }));
    expect(page?.forgotten).toBe(77);
    expect(page?.forgottenAgeMs).toBeGreaterThanOrEqual(5_000);
    const name = 'n'.repeat(60_000);
    const large = given(100_000);
    publish(name, envelope(5, ID, 'x'.repeat(90_000)));
    const empty = pageIn(ID, large({ from: [], scope: 1, ...channels(name) }));
    expect([shown(empty), empty?.forgotten]).toEqual([[], 5]);
  });

  it.each([
    [{}],
    [{ from: 5, scope: 1 }],
    [{ from: [[1]], scope: 1 }],
    [{ from: [[1, -1]], scope: 1 }],
    [{ from: [[1, 'x']], scope: 1 }],
    [{ from: Array.from({ length: 2_000 }, (_, i) => [i, 1]), scope: 1 }],
    [{ from: [], cursor: 'x', scope: 1 }],
    [{ from: [], scope: 1, channels: 'x' }],
    [null],
  ])('are refused for a question that is none: %j', (params) => {
    const ask = given();
    expect(() => ask(params)).toThrow(TypeError);
  });

  it('are refused if they have events of another instance, or are no page', () => {
    const entry = { channel: 'a', ageMs: 0, lane: 1, number: 1 };
    const page = (bytes: Buffer) => ({ pack: packPage([{ ...entry, bytes }]), upTo: [] });
    expect(shown(pageIn(ID, page(envelope(1))))).toEqual(['1/1 a']);
    expect(() => pageIn(ID, page(envelope(1, 'fedcba9876543210')))).toThrow(TypeError);
    for (const reply of [
      undefined,
      {},
      { pack: Buffer.from([1]), upTo: [] },
      { pack: Buffer.alloc(0) },
      { pack: Buffer.alloc(0), upTo: [], cursor: -1 },
      { pack: Buffer.alloc(0), upTo: [], forgotten: 'x' },
    ]) {
      expect(() => pageIn(ID, reply)).toThrow(TypeError);
    }
  });

  it('are unpacked as they were packed; other bytes are refused and never throw', () => {
    const entries = fc.array(
      fc.record({
        channel: fc.string({ unit: 'binary', maxLength: 20 }),
        ageMs: fc.nat(2 ** 31),
        lane: fc.nat(2 ** 31),
        number: fc.maxSafeNat().map((number) => number % 2 ** 48),
        bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(entries, (packed) => {
        expect(unpackPage(packPage(packed))).toEqual(packed);
      }),
    );
    const ages = [-5, 1.6, 2 ** 40].map((ageMs) => unpackPage(aged(ageMs))?.[0]?.ageMs);
    expect(ages).toEqual([0, 2, 2 ** 32 - 1]);
    const pack = aged(1);
    for (let length = 1; length < pack.length; length++) {
      expect(unpackPage(pack.subarray(0, length))).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const unpacked = unpackPage(Buffer.from(bytes));
        expect(unpacked === undefined || Array.isArray(unpacked)).toBe(true);
      }),
    );
  });
});
