import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RedisPropagatorService } from '../../../src/index.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import type { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';

/** Calls that plain JavaScript can make. */
type Loose = Record<keyof RedisPropagatorService, (...args: unknown[]) => Promise<unknown>>;

const circular: Record<string, unknown> = {};
circular['itself'] = circular;
const asked = { userId: 'alice', event: 'x' };

const refusals: [code: string, what: string, call: (propagator: Loose) => Promise<unknown>][] = [
  ...[undefined, null, '', Number.NaN, {}, [], true, 'half a \ud83d'].flatMap(
    (userId): (typeof refusals)[number][] => {
      const who = `a user id that is ${inspect(userId)}`;
      return [
        ['target.invalid', `requestUser of ${who}`, (p) => p.requestUser({ ...asked, userId })],
        ['target.invalid', `joinUser of ${who}`, (p) => p.joinUser(userId, 'lobby')],
        ['target.invalid', `leaveUser of ${who}`, (p) => p.leaveUser(userId, 'lobby')],
        ['target.invalid', `disconnectUser of ${who}`, (p) => p.disconnectUser(userId)],
        ['target.invalid', `fetchUserSockets of ${who}`, (p) => p.fetchUserSockets(userId)],
      ];
    },
  ),
  ...[undefined, null, '', {}, true, [], [''], ['lobby', 7n, null]].flatMap(
    (room): (typeof refusals)[number][] => {
      const name = inspect(room);
      return [
        ['target.invalid', `joinUser to ${name}`, (p) => p.joinUser('alice', room)],
        ['target.invalid', `leaveUser of ${name}`, (p) => p.leaveUser('alice', room)],
        ['target.invalid', `emitToRoom ${name}`, (p) => p.emitToRoom({ event: 'x', room })],
      ];
    },
  ),
  ...[0, -1, 1.5, '100', Number.NaN, Infinity, null].map((timeoutMs): (typeof refusals)[number] => [
    'target.invalid',
    `requestUser with a timeout of ${String(timeoutMs)}`,
    (p) => p.requestUser({ ...asked, timeoutMs }),
  ]),
  [
    'target.invalid',
    'requestUser without a namespace’s name',
    (p) => p.requestUser({ ...asked, namespace: '' }),
  ],
  ['target.invalid', 'joinUser in no namespace', (p) => p.joinUser('alice', 'a', { namespace: 7 })],
  [
    'target.invalid',
    'requestUser with no socket’s id',
    (p) => p.requestUser({ ...asked, exceptSocketId: 7 }),
  ],
  [
    'target.invalid',
    'disconnectUser with no socket’s id',
    (p) => p.disconnectUser('alice', { exceptSocketId: {} }),
  ],
  ['event.invalid-name', 'requestUser without an event', (p) => p.requestUser({ userId: 'alice' })],
  [
    'event.reserved-name',
    'requestUser of a reserved event',
    (p) => p.requestUser({ ...asked, event: 'disconnect' }),
  ],
  [
    'event.reserved-name',
    'emitToRoom of a reserved event',
    (p) => p.emitToRoom({ room: 'lobby', event: 'error' }),
  ],
  [
    'event.unserialisable',
    'requestUser with a cycle',
    (p) => p.requestUser({ ...asked, data: circular }),
  ],
  [
    'event.unserialisable',
    'requestUser of an unknown user with a BigInt',
    (p) => p.requestUser({ event: 'x', userId: 'nobody', data: 1n }),
  ],
  [
    'event.too-large',
    'requestUser with too much',
    (p) => p.requestUser({ ...asked, data: 'x'.repeat(5_000) }),
  ],
  [
    'event.too-large',
    'joinUser to too many rooms',
    (p) =>
      p.joinUser(
        'alice',
        Array.from({ length: 2_000 }, (_, n) => `room ${n}`),
      ),
  ],
];

describe('an invalid call of a verb rejects, and no client gets anything:', () => {
  let cluster: TestCluster;
  let clients: TestClient[];
  beforeAll(async () => {
    cluster = await givenCluster()
      .of(2)
      .with(PlainGateway)
      .configured({ maxMessageBytes: 4_096 })
      .start();
    clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ];
  });
  afterAll(() => cluster.close());

  it.each(refusals)('%s for %s', async (code, _, call) => {
    const { propagator } = cluster.instance(0);

    await expect(call(propagator as unknown as Loose)).rejects.toMatchObject({
      name: 'PropagatorError',
      code,
      message: expect.stringContaining(`[${code}]`),
    });

    await cluster.settled(...clients);
    for (const client of clients) {
      expect(client.received).toEqual([]);
      expect(client.socket.connected).toBe(true);
    }
  });
});
