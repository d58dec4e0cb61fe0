import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { createSecretKey } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { HandOver } from '../../src/recovery/hand-over.js';
import { decodeClusterMessage, encodeClusterMessage } from '../../src/wire/cluster-message.js';
import { decodeEnvelope, encodeEnvelope } from '../../src/wire/envelope.js';
import { areEventFor } from '../../src/wire/event-frames.js';
import { decodeExternalEvent } from '../../src/wire/external-event.js';
import { readFrames } from '../../src/wire/frames.js';
import { unpackPage } from '../../src/wire/page-pack.js';
import { signEnvelope, verifiedTag } from '../../src/wire/signature.js';
import {
  answer,
  anything,
  clusterMessage,
  damage,
  damaged,
  event,
  OPERATIONS,
  origin,
} from './support/inputs.js';
import { givenTarget, type Target } from './support/target.js';

/** Each input of fast-check is also damaged this many times, which is cheaper than generating new ones. */
const VARIANTS = 8;
const RUNS = 5_000;
const SECRET = 'a secret of more than thirty-two characters';
const QUESTION = { namespace: '/', pid: 'a session', offset: '', current: undefined };
const PLACES = ['all', 'user', 'room', 'chat', 'cluster', 'reply'] as const;

const rejections: unknown[] = [];
const rejected = (reason: unknown): unknown => rejections.push(reason);
beforeEach(() => {
  process.on('unhandledRejection', rejected);
});
afterEach(async () => {
  await turn();
  process.off('unhandledRejection', rejected);
  const [rejection] = rejections.splice(0);
  if (rejection !== undefined) throw rejection;
  if ('polluted' in {}) throw new Error('a prototype has something new');
});

/** A random number generator with a seed (xorshift). */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function* variantsOf(bytes: Buffer, seed: number): Generator<Buffer> {
  yield bytes;
  const random = randomOf(seed);
  for (let i = 0; i < VARIANTS; i++) {
    const copy = Buffer.from(bytes);
    for (let times = 1 + random(3); times > 0 && copy.length > 0; times--) {
      copy[random(copy.length)] = random(256);
    }
    yield random(4) === 0 ? copy.subarray(0, random(copy.length + 1)) : copy;
  }
}

/** Packets that a client of the namespace would not read as an event of it. */
function wrongWith({ delivered, heard }: Target, place: (typeof PLACES)[number]): unknown[] {
  const wrong: unknown[] = [];
  for (const { to, delivery } of delivered) {
    const [text, ...attachments] = readFrames(delivery.packet.frames);
    const found = /^(?:2|5(\d+)-)(?:(\/[^,[]*),)?\[/.exec(String(text));
    const right =
      typeof text === 'string' &&
      found !== null &&
      (found[2] ?? '/') === to &&
      attachments.length === Number(found[1] ?? 0) &&
      attachments.every(Buffer.isBuffer);
    const [room] = { user: ['propagator#user:alice'], room: ['lobby'] }[place as string] ?? [];
    const meant = room === undefined || delivery.within === room || delivery.rooms[0] === room;
    if (!right || !meant || to !== (place === 'chat' ? '/chat' : '/')) wrong.push(delivery);
  }
  const forbidden = new Set(['connect', 'connection', 'new_namespace', 'error', 'disconnect']);
  for (const args of heard) {
    if (typeof args[0] !== 'string' || forbidden.has(args[0])) wrong.push(args);
  }
  delivered.length = 0;
  heard.length = 0;
  return wrong;
}

describe('arbitrary bytes', () => {
  it('are decoded correctly, or to the name of a fault, without an exception', () => {
    let read = 0;
    fc.assert(
      fc.property(anything, fc.integer(), (bytes, seed) => {
        for (const variant of variantsOf(bytes, seed)) {
          const envelope = decodeEnvelope(variant);
          decodeClusterMessage(variant);
          unpackPage(variant);
          if (variant[0] === 0x7b) decodeExternalEvent(variant);
          verifiedTag(variant, 'channel', []);
          if (typeof envelope !== 'string') areEventFor('/', envelope.frames);
          read += typeof envelope === 'string' ? 0 : 1;
        }
      }),
      { numRuns: RUNS / 2 },
    );
    // Some of them are valid envelopes. Otherwise the test would reach only the first checks.
    expect(read).toBeGreaterThan(RUNS / 10);
  });
});

describe('an instance that receives arbitrary messages', () => {
  let target: Target;
  beforeEach(async () => {
    target = await givenTarget({ requestTimeoutMs: 20 });
  });
  afterEach(() => target.close());

  it('throws nothing, and delivers only events of the channel', async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        anything,
        fc.constantFrom(...PLACES),
        fc.integer(),
        async (bytes, place, seed) => {
          for (const variant of variantsOf(bytes, seed)) {
            target.wire.arrive(target.channels[place], variant);
          }
          if (++runs % 20 === 0) await turn();
          expect(wrongWith(target, place)).toEqual([]);
        },
      ),
      { numRuns: RUNS },
    );
    const { router, cluster } = target.runtime;
    expect(router.instanceId).toMatch(/^[0-9a-f]{16}$/);
    for (const { host, pid } of cluster.members()) {
      expect([typeof host, typeof pid]).toEqual(['string', 'number']);
    }
  });

  it('replies to every request, for every operation', async () => {
    const { handlers } = target.runtime.requests as unknown as { handlers: Map<string, unknown> };
    expect([...handlers.keys()].toSorted()).toEqual(OPERATIONS.toSorted());
    const before = target.wire.published;
    const questions = fc.sample(clusterMessage, 2_000).flatMap((bytes) => {
      const received = decodeClusterMessage(bytes);
      return typeof received !== 'string' && received.message.type === 'request' ? [bytes] : [];
    });
    for (const bytes of questions) target.wire.arrive(target.channels.cluster, bytes);
    // Number 0 expects no reply; some replies have several parts.
    const unanswered = questions.filter(
      (bytes) => (decodeClusterMessage(bytes) as { message: { id: number } }).message.id === 0,
    );
    const end = Date.now() + 5_000;
    const answered = (): number => target.wire.published - before;
    while (answered() < questions.length - unanswered.length && Date.now() < end) await turn();
    expect(answered()).toBeGreaterThanOrEqual(questions.length - unanswered.length);
  });

  it('forwards only replies of the requested form, and lets no request hang', async () => {
    const { wire, runtime, channels } = target;
    const asked: number[] = [];
    wire.reaches = 2;
    wire.onPublish = (channel, bytes) => {
      const isRequest = channel === channels.cluster || channel.includes(':reply:');
      const received = isRequest ? decodeClusterMessage(bytes) : '';
      if (typeof received === 'object' && received.message.type === 'request') {
        asked.push(received.message.id);
      }
    };
    const { handOver } = runtime.recovery as unknown as { handOver: HandOver };
    const questions = [
      () => runtime.propagator.fetchUserSockets('alice'),
      () => runtime.propagator.joinUser('alice', 'lobby'),
      () => runtime.propagator.requestUser({ userId: 'alice', event: 'x', timeoutMs: 20 }),
      () => runtime.sessions.sessions('alice'),
      async () => void (await handOver.take('000000000000fa01', { ...QUESTION })),
      async () => handOver.giveTo('000000000000fa01', [QUESTION]),
      async () => wire.interrupt(),
    ];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...questions),
        fc.array(fc.tuple(origin, answer, fc.boolean()), { minLength: 1, maxLength: 4 }),
        fc.integer(),
        async (ask, answers, seed) => {
          asked.length = 0;
          const asking = ask();
          // Questions of connection recovery are collected for a turn.
          await turn();
          const [id = 0] = asked;
          for (const [from, part, done] of answers) {
            const stamp = { origin: from, sequence: 1, sentAt: Date.now() };
            const bytes = encodeClusterMessage(stamp, { type: 'reply', id, part, done });
            for (const variant of variantsOf(bytes, seed)) {
              wire.arrive(channels.reply, variant);
            }
          }
          const last = { origin: Buffer.alloc(8, 9), sequence: 1, sentAt: Date.now() };
          wire.arrive(
            channels.reply,
            encodeClusterMessage(last, { type: 'reply', id, done: true }),
          );
          const result = (await asking) as
            { items?: { id: unknown }[]; count?: unknown } | undefined;
          for (const item of result?.items ?? []) expect(typeof item).toBe('object');
          expect(Number.isSafeInteger(result?.count ?? 0)).toBe(true);
          expect(wrongWith(target, 'all')).toEqual([]);
        },
      ),
      { numRuns: 400 },
    );
    expect(runtime.requests.size).toBeLessThan(10);
  });

  it('keeps nothing in memory', async () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    const some = fc.sample(anything, 1_500);
    const round = async (seed: number): Promise<void> => {
      for (const [i, bytes] of some.entries()) {
        const place = PLACES[(i + seed) % PLACES.length] ?? 'all';
        for (const variant of variantsOf(bytes, seed * some.length + i)) {
          target.wire.arrive(target.channels[place], variant);
        }
        if (i % 50 === 0) await turn();
        target.delivered.length = 0;
        target.heard.length = 0;
      }
    };
    const heap = async (): Promise<number> => {
      for (let i = 0; i < 3; i++) {
        await turn();
        gc();
      }
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    await round(1);
    const before = await heap();
    for (const seed of [2, 3, 4]) await round(seed);
    const grown = (await heap()) - before;
    // 40,000 inputs: 100 bytes for each would be 4 MB.
    expect(grown).toBeLessThan(3_000_000);
  });

  it('limits the number of instances, however many say hello', async () => {
    const member = { host: 'x', pid: 1, startedAt: 1, sockets: 0, users: 0 };
    for (let i = 1; i <= 6_000; i++) {
      const id = Buffer.alloc(8);
      id.writeUInt32BE(i);
      const stamp = { origin: id, sequence: 1, sentAt: Date.now() };
      const hello = encodeClusterMessage(stamp, { type: 'heartbeat', member, beat: 1 });
      target.wire.arrive(target.channels.cluster, hello);
    }
    expect(target.runtime.cluster.members()).toHaveLength(1 + 4_096);
    expect(target.runtime.reporter.counts()['member.too-many']).toBe(6_000 - 4_096);
  });
});

describe('an instance with a secret', () => {
  let target: Target;
  beforeEach(async () => {
    target = await givenTarget({ secret: SECRET });
  });
  afterEach(() => target.close());

  it('accepts nothing that was damaged or not signed', async () => {
    const key = createSecretKey(SECRET, 'utf8');
    const now = Date.now();
    const signed = (channel: string): Buffer => {
      const header = {
        origin: Buffer.alloc(8, 7),
        sequence: 1,
        sentAt: now,
        volatile: false,
        compress: true,
        except: [],
        rooms: [],
        customParser: false,
        signed: true,
      };
      const { bytes } = encodeEnvelope(header, ['2["x",1]']);
      signEnvelope(bytes, channel, key);
      return bytes;
    };
    const published = target.wire.published;
    fc.assert(
      fc.property(
        fc.oneof(event, clusterMessage, fc.constant(undefined)),
        fc.constantFrom(...PLACES),
        damage,
        fc.integer(),
        (bytes, place, steps, seed) => {
          const channel = target.channels[place];
          const whole = signed(channel);
          for (const variant of variantsOf(bytes ?? damaged(whole, steps), seed)) {
            // A repeating instance may set the mark for repeated events.
            const unmarked = Buffer.from(variant);
            if (unmarked.length > 3) unmarked[3] = (unmarked[3] ?? 0) & ~32;
            if (!unmarked.equals(whole)) target.wire.arrive(channel, variant);
          }
          expect(target.delivered).toEqual([]);
          expect(target.heard).toEqual([]);
        },
      ),
      { numRuns: RUNS / 4 },
    );
    expect(target.runtime.cluster.members()).toHaveLength(1);
    await turn();
    // It sends nothing except its own heartbeats.
    expect(target.wire.published - published).toBeLessThan(10);
  });

  it('would accept the same messages undamaged', () => {
    const { wire, channels, delivered } = target;
    const key = createSecretKey(SECRET, 'utf8');
    for (const place of ['all', 'user', 'room'] as const) {
      const [whole] = fc.sample(event, 1);
      expect(whole).toBeDefined();
      const header = {
        origin: Buffer.alloc(8, 7),
        sequence: 1,
        sentAt: Date.now(),
        volatile: false,
        compress: true,
        except: [],
        rooms: [],
        customParser: false,
        signed: true,
      };
      const { bytes } = encodeEnvelope(header, ['2["x",1]']);
      signEnvelope(bytes, channels[place], key);
      wire.arrive(channels[place], bytes);
    }
    expect(delivered).toHaveLength(3);
  });
});
