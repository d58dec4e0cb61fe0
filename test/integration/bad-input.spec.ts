import { WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { PropagatorError, type RedisPropagatorService } from '../../src/index.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestClient } from '../support/test-client.js';

@WebSocketGateway()
class RootGateway {}

interface BadInput {
  event?: unknown;
  data?: unknown;
  namespace?: unknown;
  exceptSocketId?: unknown;
}

const verbs: Record<
  string,
  (propagator: RedisPropagatorService, input: never) => Promise<unknown>
> = {
  emitToUser: (propagator, input: BadInput) =>
    propagator.emitToUser({ userId: 'alice', event: 'x', ...input } as never),
  emitToUsers: (propagator, input: BadInput) =>
    propagator.emitToUsers({ userIds: ['alice'], event: 'x', ...input } as never),
  emitToAll: (propagator, input: BadInput) =>
    propagator.emitToAll({ event: 'x', ...input } as never),
  emitToAuthenticated: (propagator, input: BadInput) =>
    propagator.emitToAuthenticated({ event: 'x', ...input } as never),
  propagateEvent: (propagator, input: BadInput) =>
    propagator.propagateEvent({ userId: 'alice', event: 'x', ...input } as never),
};

const cycle: Record<string, unknown> = {};
cycle['self'] = cycle;

const faults: [what: string, code: string, input: BadInput][] = [
  ['no event name', 'event.invalid-name', { event: undefined }],
  ['an empty event name', 'event.invalid-name', { event: '' }],
  ['an event name that is no string', 'event.invalid-name', { event: 7 }],
  // Names that Socket.IO and EventEmitter use themselves.
  ...[
    'connect',
    'connect_error',
    'disconnect',
    'disconnecting',
    'error',
    'newListener',
    'removeListener',
  ].map((event): [string, string, BadInput] => [
    `the event name "${event}"`,
    'event.reserved-name',
    { event },
  ]),
  // Data that JSON cannot represent.
  ['a cycle', 'event.unserialisable', { data: cycle }],
  ['a BigInt', 'event.unserialisable', { data: { id: 1n } }],
  [
    'data whose toJSON throws',
    'event.unserialisable',
    {
      data: {
        toJSON: () => {
          throw new Error('no');
        },
      },
    },
  ],
  ['too much data', 'event.too-large', { data: 'x'.repeat(20_000) }],
  ['an empty namespace', 'target.invalid', { namespace: '' }],
  ['a namespace that is no string', 'target.invalid', { namespace: {} }],
];

async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  const { code, message } = await promise.then(
    () => ({ code: 'none', message: 'it was accepted' }),
    (error: PropagatorError) => error,
  );
  return [code, message];
}

const refusal = (message: RegExp) => ['target.invalid', expect.stringMatching(message)];

describe('invalid input', () => {
  let cluster: TestCluster;
  let clients: TestClient[];
  const start = async (): Promise<RedisPropagatorService> => {
    cluster = await givenCluster()
      .with(RootGateway)
      .configured({ maxMessageBytes: 10_000 })
      .start();
    clients = [
      await cluster.instance(0).connect({ token: 'alice' }),
      await cluster.instance(1).connect({ token: 'alice' }),
    ];
    return cluster.instance(0).propagator;
  };
  const expectSilence = async (): Promise<void> => {
    await cluster.settled(...clients);
    for (const client of clients) expect(client.received).toEqual([]);
  };
  afterEach(() => cluster.close());

  it.each(Object.entries(verbs))(
    'such as %s is refused with a code, and no client gets anything',
    async (_verb, call) => {
      const propagator = await start();

      for (const [what, code, input] of faults) {
        const error = await call(propagator, input as never).then(
          () => `${what} was accepted`,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(PropagatorError);
        expect({ what, code: (error as PropagatorError).code }).toEqual({ what, code });
      }

      await expectSilence();
      expect(cluster.instance(0).counts).toEqual({ 'emit.refused': faults.length });
    },
  );

  it('as a target is refused with a code that names it', async () => {
    const propagator = await start();

    for (const userId of ['', undefined, null, {}, Number.NaN, true] as string[]) {
      for (const promise of [
        propagator.emitToUser({ userId, event: 'x' }),
        propagator.emitToUsers({ userIds: ['alice', userId], event: 'x' }),
      ]) {
        expect(await refusalOf(promise)).toEqual(refusal(/^userId: got /));
      }
    }
    for (const userIds of ['alice', undefined, null, 7] as never[]) {
      const promise = propagator.emitToUsers({ userIds, event: 'x' });
      expect(await refusalOf(promise)).toEqual(refusal(/^userIds: got /));
    }
    const promise = propagator.emitToAll({ event: 'x', exceptSocketId: '' });
    expect(await refusalOf(promise)).toEqual(refusal(/^exceptSocketId: got /));

    await expectSilence();
  });

  it('makes propagateEvent return false for a socket without a user, and publish nothing', async () => {
    const propagator = await start();
    for (const userId of [null, undefined, '']) {
      expect(await propagator.propagateEvent({ userId, event: 'x', data: 1 })).toBe(false);
    }
    await expectSilence();
  });

  it('aside, propagateEvent reaches the user’s other sockets', async () => {
    const propagator = await start();
    const socketId = clients[0]?.id;
    expect(
      await propagator.propagateEvent({ userId: 'alice', socketId, event: 'x', data: 1 }),
    ).toBe(true);
    await cluster.settled(...clients);
    expect(clients.map((client) => client.data('x'))).toEqual([[], [1]]);
  });
});
