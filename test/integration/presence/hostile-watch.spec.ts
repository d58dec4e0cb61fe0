import { afterEach, describe, expect, it } from '@jest/globals';
import { WebSocketGateway } from '@nestjs/websockets';
import { io, type Socket } from 'socket.io-client';
import type { CanWatch } from '../../../src/index.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import { Deferred } from '../../support/deferred.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

@WebSocketGateway()
class RootGateway {}

@WebSocketGateway({ namespace: 'other' })
class OtherGateway {}

interface Presence {
  readonly watches: ReadonlyMap<string, unknown>;
  readonly dirty: ReadonlyMap<unknown, unknown>;
  readonly users: { readonly size: number; readonly buckets: ReadonlyMap<unknown, unknown> };
}

const HUGE = 'x'.repeat(900_000);
const NONSENSE: readonly unknown[][] = [
  [],
  [null],
  [42],
  ['__proto__'],
  [{ length: 3, 0: 'a' }],
  [['__proto__', 'constructor', 'toString']],
  [[HUGE]],
  [[{ toString: 'x' }]],
  [[['a']], ['b'], { c: 'd' }],
  [Array.from({ length: 100_000 }, (_, i) => i)],
  [Buffer.alloc(1_000)],
  [[Buffer.alloc(10)]],
  [[-0, 1e300, 2 ** 53, 0.1]],
];

async function untilNothingIsLeft({ watches, users, dirty }: Presence): Promise<void> {
  await until(
    () => watches.size + users.buckets.size + dirty.size === 0,
    () =>
      `${watches.size} watches, ${users.buckets.size} channels and ${dirty.size} notices to end`,
  );
}

/** No permissions, though they are truthy. */
const ODD: readonly unknown[] = [1, 'yes', {}, new Map(), Symbol('yes'), () => true];

describe('hostile clients that watch users', () => {
  let cluster: TestCluster;
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.close();
    await cluster.close();
  });

  const start = async (canWatch: CanWatch | undefined): Promise<Presence> => {
    cluster = await givenCluster()
      .of(1)
      .with(RootGateway, OtherGateway)
      .configured({ presence: { graceMs: 0, canWatch } })
      .start();
    return cluster.instance(0).app.get<{ servers: { presence: Presence } }>(RUNTIME).servers
      .presence;
  };
  const open = (user: string | undefined, namespace = '', manager?: Socket): Socket => {
    const { url } = cluster.instance(0);
    const auth = user === undefined ? {} : { token: user };
    const socket =
      manager?.io.socket(namespace, { auth }) ??
      io(`${url}${namespace}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        auth,
      });
    sockets.push(socket);
    return socket;
  };
  it('leave nothing, whatever they send, with and without acknowledgements, before and after they are authenticated', async () => {
    const permissions: Deferred<unknown>[] = [];
    const presence = await start(({ userId }) => {
      if (userId.startsWith('throws')) throw new Error('no');
      if (userId.startsWith('late')) {
        const permission = new Deferred<unknown>();
        permissions.push(permission);
        return permission.promise as never;
      }
      if (userId.startsWith('odd')) return ODD[userId.length % ODD.length] as never;
      return true;
    });
    for (let round = 0; round < 30; round++) {
      const kind = ['good', 'throws', 'late', `odd${'d'.repeat(round % 6)}`, undefined][round % 5];
      const socket = open(kind);
      const other = open(kind, '/other', socket);
      for (const each of [socket, other]) {
        // Before it is connected: Socket.IO sends it when it is.
        each.emit('propagator:watch', ['alice', `user-${round}`]);
        for (const args of NONSENSE) {
          if (round % 2 === 0) each.emit('propagator:watch', ...args);
          else each.emit('propagator:watch', ...args, () => undefined);
        }
        for (let i = 0; i < 30; i++)
          each.emit('propagator:watch', i % 2 === 0 ? ['alice', 'bob'] : []);
      }
      await until(
        () => socket.connected || !socket.active,
        () => 'a connection',
      );
      if (round % 3 === 0) socket.close();
      else if (round % 3 === 1) setTimeout(() => socket.io.engine?.close(), 20);
      if (round % 10 === 9)
        for (const permission of permissions.splice(0)) permission.resolve(round % 20 === 9);
    }
    for (const socket of sockets) socket.close();
    for (const permission of permissions) permission.resolve(['alice']);
    await untilNothingIsLeft(presence);
    expect(presence.users.size).toBe(0);
  });

  it('lose the connection after thousands of requests', async () => {
    const presence = await start(() => true);
    const socket = open('mallory');
    let answers = 0;
    for (let i = 0; i < 5_000; i++) socket.emit('propagator:watch', [`user-${i}`], () => answers++);
    await until(
      () => socket.disconnected && answers > 0,
      () => 'the end of the connection',
    );
    await untilNothingIsLeft(presence);
    expect(presence.users.size).toBe(0);
    expect(cluster.instance(0).counts['client.disconnected']).toBe(1);
  });

  it('lose it also where no client may watch, and are not answered each time before', async () => {
    const { watches } = await start(undefined);
    const socket = open('mallory');
    const answers: { code: string }[] = [];
    for (let i = 0; i < 5_000; i++)
      socket.emit('propagator:watch', ['alice'], (answer: { code: string }) =>
        answers.push(answer),
      );
    await until(
      () => socket.disconnected && answers.length > 0,
      () => 'the end of the connection',
    );
    const codes = new Set(answers.map(({ code }) => code));
    expect([...codes]).toEqual(['presence.watch-off', 'presence.watch-too-often']);
    await until(
      () => watches.size === 0,
      () => `${watches.size} watches to end`,
    );
    expect(cluster.instance(0).counts['client.disconnected']).toBe(1);
  });

  it('are not waited for when the instance ends, while the app does not answer', async () => {
    const presence = await start(() => new Promise<never>(() => undefined));
    const socket = open('alice');
    socket.emit('propagator:watch', ['bob']);
    await until(
      () => presence.watches.size === 1,
      () => 'the request',
    );
    await cluster.instance(0).app.close();
    expect(presence.watches.size).toBe(0);
    expect(presence.users.size).toBe(0);
  });
});
