import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventsIn, listEvents } from '../../src/recovery/event-list.js';
import { pack, unpack } from '../../src/recovery/left-format.js';
import { framesLength, writeFrames, type EncodedPart } from '../../src/wire/frames.js';
import { ClusterProcess } from '../support/cluster-process.js';
import { JSON_TOKENS, tokenFor } from '../support/json-tokens.js';
import { NUMBERED, type ReturningClient } from '../support/returning-client.js';
import { SessionGateway, sessionsOf } from '../support/session-gateways.js';
import { testRedisUrl } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { recoveryOf, send, SuccessiveInstances } from './support/successive-instances.js';

const SECRET = 'a secret of more than thirty-two characters';

describe('a session that an instance has left gives a new connection', () => {
  let stage: SuccessiveInstances;
  let redis: Redis | undefined;
  let process: ClusterProcess | undefined;
  afterEach(async () => {
    await process?.kill();
    process = undefined;
    redis?.disconnect();
    redis = undefined;
    await stage.close();
  });

  const keys = async (): Promise<string[]> => {
    redis ??= new Redis(testRedisUrl());
    return (await redis.keys(`${stage.prefix}:recovery:*`)).sort();
  };

  /** Alice is away while the first instance ends, and the next one begins. */
  const restart = async (
    meanwhile: (first: TestInstance) => unknown,
    before: (first: TestInstance) => unknown = () => undefined,
    token = 'alice',
  ): Promise<{ client: ReturningClient; next: TestInstance }> => {
    const first = await stage.begin();
    const client = await stage.connect('alice', { socket: { auth: { token } } });
    await send(first.propagator, 'alice', 1);
    await stage.settled(client, first);
    let next = first;
    await stage.withoutClients([first], async () => {
      await send(first.propagator, 'alice', 2);
      await before(first);
      await first.close();
      await meanwhile(first);
      next = await stage.begin();
    });
    return { client, next };
  };

  /** Without the option `secret` anybody that may write to Redis can change what is there. */
  const forge = async ({ frames, about }: { frames?: Buffer; about?: object }): Promise<void> => {
    for (const key of await keys()) {
      const isSession = /\.[\w-]{20}$/.test(key);
      const isChunk = /:\d+$/.test(key);
      const [header, bytes] = unpack(Buffer.from((await redis?.hget(key, 'text')) ?? '', 'base64'));
      let changed: Buffer | undefined;
      if (isSession && about !== undefined) {
        changed = pack({ ...(header as object), ...about }, bytes);
      } else if (isChunk && frames !== undefined) {
        const events = eventsIn(header, bytes);
        const listed = listEvents([...events.slice(0, -1), { ...events.at(-1)!, frames }]);
        changed = pack(listed.list, listed.frames);
      }
      if (changed !== undefined) await redis?.hset(key, 'text', changed.toString('base64'));
    }
  };

  /** Two clients are away, and somebody exchanges their sessions. */
  const restartWithTwo = async () => {
    const first = await stage.begin();
    const clients = [await stage.connect('alice'), await stage.connect('bob')];
    await send(first.propagator, 'alice', 1);
    let next = first;
    await stage.withoutClients([first], async () => {
      await first.close();
      const [a = '', b = ''] = (await keys()).filter((key) => /\.[\w-]{20}$/.test(key));
      const texts = [await redis?.hget(a, 'text'), await redis?.hget(b, 'text')];
      await redis?.hset(a, 'text', texts[1] ?? '');
      await redis?.hset(b, 'text', texts[0] ?? '');
      next = await stage.begin();
    });
    return { next, connections: clients.map(({ connections }) => connections) };
  };

  it('not-proven: an instance was killed since, and nobody knows what it sent', async () => {
    stage = await SuccessiveInstances.start();
    const { client, next } = await restart(async () => {
      process = await ClusterProcess.start({
        redis: testRedisUrl(),
        prefix: stage.prefix,
        recovery: {},
      });
      await process.call('propagator', 'emitToUser', {
        userId: 'alice',
        event: NUMBERED,
        data: ['user', 3],
      });
      await process.kill();
    });

    expect(client.connections).toEqual([false, false]);
    expect(await stage.settled(client, next)).toEqual([1]);
    expect(next.counts).toEqual({ 'recovery.not-proven': 1 });
  });

  it('unknown-session: there was no room for it', async () => {
    stage = await SuccessiveInstances.start({
      options: { recovery: { persist: true, maxBytes: 65_536 } },
    });
    const { client, next } = await restart(
      (first) => {
        expect(first.counts).toEqual({ 'recovery.not-left': 1 });
      },
      async ({ propagator }) => {
        for (let i = 0; i < 5; i++) {
          await propagator.emitToUser({ userId: 'alice', event: 'x', data: 'x'.repeat(12_800) });
        }
      },
    );

    expect(client.connections).toEqual([false, false]);
    expect(next.counts).toEqual({ 'recovery.unknown-session': 1 });
    expect(await keys()).toEqual([]);
  });

  it('unknown-session: it was revoked while the client was away', async () => {
    const options = { auth: { ...JSON_TOKENS, revocationMs: 0 } };
    stage = await SuccessiveInstances.start({ options, providers: [SessionGateway] });
    const { client, next } = await restart(
      () => undefined,
      (first) => sessionsOf(first).revokeSession('one'),
      tokenFor({ userId: 'alice', sid: 'one' }),
    );

    expect(client.connections).toEqual([false, false]);
    expect(next.counts).toEqual({ 'recovery.unknown-session': 1 });
    expect(await keys()).toEqual([]);
  });

  it('unknown-session: its client was disconnected by a command while the instance left it', async () => {
    stage = await SuccessiveInstances.start();
    const { client, next } = await restart(
      () => undefined,
      async (first) => {
        const left = recoveryOf(first).leave();
        await first.propagator.disconnectUser('alice');
        await left;
        expect(await keys()).toEqual([]);
      },
    );

    expect(client.connections).toEqual([false, false]);
    expect(next.counts).toEqual({ 'recovery.unknown-session': 1 });
  });

  it('unknown-session: it was revoked while the instance left it', async () => {
    const options = { auth: { ...JSON_TOKENS, revocationMs: 0 } };
    stage = await SuccessiveInstances.start({ options, providers: [SessionGateway] });
    const { next } = await restart(
      () => undefined,
      async (first) => {
        const left = recoveryOf(first).leave();
        recoveryOf(first).revoke({ sessionId: 'one' });
        await left;
        expect(await keys()).toEqual([]);
      },
      tokenFor({ userId: 'alice', sid: 'one' }),
    );

    expect(next.counts).toEqual({ 'recovery.unknown-session': 1 });
  });

  it('unknown-session: somebody without the secret has changed it', async () => {
    stage = await SuccessiveInstances.start({ options: { secret: SECRET } });
    const { client, next } = await restart(async () => {
      for (const key of await keys()) {
        const sealed = Buffer.from((await redis?.hget(key, 'text')) ?? '', 'base64');
        expect(sealed.includes('alice')).toBe(false);
        sealed[sealed.length - 1]! ^= 1;
        await redis?.hset(key, 'text', sealed.toString('base64'));
      }
    });

    expect(client.connections).toEqual([false, false]);
    expect(next.counts).toEqual({ 'recovery.unknown-session': 1, 'message.forged': 1 });
  });

  it('unknown-session: it is that of another client, under this name', async () => {
    stage = await SuccessiveInstances.start({ options: { secret: SECRET } });
    const other = await restartWithTwo();
    expect(other.next.counts).toEqual({ 'recovery.unknown-session': 2, 'message.forged': 2 });
    expect(other.connections).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  const MANY = Array.from({ length: 1_010 }, (_, i) => `room-${i}`);
  it.each<[string, { frames?: Buffer; about?: object }]>([
    ['a packet that disconnects the client', { frames: framesOf('1') }],
    ['a packet that refuses the client', { frames: framesOf('4{"message":"no"}') }],
    ['an event of another namespace', { frames: framesOf('2/chat,["numbered",["x",7]]') }],
    ['an event and a packet', { frames: framesOf('2["numbered",["x",7]]', '1') }],
    ['an attachment of no event', { frames: framesOf('2["numbered",["x",7]]', Buffer.from('x')) }],
    ['no frames', { frames: Buffer.from('["numbered",["x",7]]') }],
    ['nothing', { frames: Buffer.alloc(0) }],
    [
      'one event twice',
      {
        about: {
          events: [
            [0, 0, 2],
            [0, 1, 1],
          ],
        },
      },
    ],
    ['more rooms than a socket may have', { about: { rooms: ['propagator#user:alice', ...MANY] } }],
    ['a room with a long name', { about: { rooms: ['propagator#user:alice', 'x'.repeat(300)] } }],
    ['the room of another user as its id', { about: { sid: 'propagator#user:bob' } }],
  ])('not-proven: somebody has written %s into it', async (_, forged) => {
    stage = await SuccessiveInstances.start();
    const { client, next } = await restart(() => forge(forged));

    expect(next.counts).toEqual({ 'recovery.not-proven': 1, 'message.malformed': 1 });
    expect(await stage.settled(client, next)).toEqual([1]);
    expect(client.connections).toEqual([false, false]);
    const channels = (await redis?.pubsub('CHANNELS', `${stage.prefix}*`)) as string[];
    expect(channels.filter((channel) => /room-|xxx/.test(channel))).toEqual([]);
  });

  it('stays no longer than its client may be away, and is gone once it is taken', async () => {
    stage = await SuccessiveInstances.start({ options: { secret: SECRET } });
    let names: string[] = [];
    const { client, next } = await restart(async () => {
      names = await keys();
      for (const key of names) {
        const leftMs = (await redis?.pttl(key)) ?? NaN;
        expect(leftMs).toBeGreaterThan(0);
        expect(leftMs).toBeLessThanOrEqual(120_000);
      }
    });

    expect(names).toHaveLength(3);
    expect(client.connections).toEqual([false, true]);
    expect(await stage.settled(client, next)).toEqual([1, 2]);
    expect(next.counts).toEqual({});
    const taken = names.find((key) => /\.[\w-]{20}$/.test(key));
    expect(await keys()).toEqual(names.filter((key) => key !== taken));
  });
});

function framesOf(...parts: EncodedPart[]): Buffer {
  const frames = Buffer.alloc(framesLength(parts));
  writeFrames(frames, 0, parts);
  return frames;
}
