import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { AuthenticatedSocket } from '../../src/index.js';
import type { Runtime } from '../../src/nest/runtime.js';
import { RUNTIME } from '../../src/nest/tokens.js';
import { jsonParser } from '../support/json-parser.js';
import { serverOf } from '../support/plain-gateway.js';
import { NUMBERED, type ReturningClient } from '../support/returning-client.js';
import { serversWith } from '../support/servers-with.js';
import { until } from '../support/until.js';
import { MovingUsers } from './support/moving-user.js';

const TENANT = '/tenant-a';

@WebSocketGateway({ namespace: /^\/tenant-\w+$/ })
class TenantGateway {
  @SubscribeMessage('join')
  async join(client: AuthenticatedSocket, room: string): Promise<boolean> {
    await client.join(room);
    return true;
  }
}

describe('a client that moves', () => {
  let stage: MovingUsers;
  afterEach(() => stage.close());

  /** One event to all, to the user and to a room, from each instance; the numbers begin with `first`. */
  const sendAll = async (namespace: string, first: number): Promise<void> => {
    for (const [i, { propagator }] of stage.cluster.instances.entries()) {
      const number = first + 3 * i;
      const numbered = (n: number) => ({ namespace, event: NUMBERED, data: ['n', n] });
      await propagator.emitToAll(numbered(number));
      await propagator.emitToUser({ ...numbered(number + 1), userId: 'alice' });
      await propagator.emitToRoom({ ...numbered(number + 2), room: 'lobby' });
    }
  };
  /** Resolves to the numbers that the client has received, by instance. */
  const moveThreeTimes = async (
    client: ReturningClient,
    namespace: string,
  ): Promise<number[][]> => {
    await client.join('lobby');
    await sendAll(namespace, 0);
    await stage.move(client, 1, () => sendAll(namespace, 6));
    await sendAll(namespace, 12);
    await stage.moveHalfOpen(client, 0);
    await stage.move(client, 1, () => sendAll(namespace, 18));
    await sendAll(namespace, 24);
    const received = inOrder(await stage.settled(client));
    expect(client.connections).toEqual([false, true, true, true]);
    expect(stage.cluster.instances.map(({ counts }) => counts)).toEqual([{}, {}]);
    return received;
  };

  it('does not make the others fail, by a namespace with a name that fills their question', async () => {
    stage = await MovingUsers.start({ providers: [TenantGateway] });
    const { requests } = stage.cluster.instance(1).app.get<Runtime>(RUNTIME);
    const request = jest.spyOn(requests, 'request');
    const pid = stage.recovery(0).sessions.newPid();
    const namespace = `${TENANT}${'a'.repeat(5_000)}`;
    const socket = { auth: { token: 'eve', pid, offset: 'offset' }, reconnection: false };
    const { socket: eve } = stage.open('eve', 1, { namespace, socket });
    await new Promise((resolve) => eve.once('connect_error', resolve));
    expect(
      request.mock.calls.filter(([{ operation }]) => operation.startsWith('recovery')),
    ).toEqual([]);
    expect(stage.cluster.instance(1).counts).toMatchObject({ 'recovery.unknown-session': 1 });
  });

  it.each([true, false])(
    'within a dynamic namespace that may not exist at the other instance gets each event once (empty ones are cleaned up: %s)',
    async (cleanupEmptyChildNamespaces) => {
      stage = await MovingUsers.start({
        providers: [TenantGateway],
        prepare: serversWith({ cleanupEmptyChildNamespaces }),
      });
      expect(serverOf(stage.cluster, 1)._nsps.has(TENANT)).toBe(false);
      const client = await stage.connect('alice', 0, { namespace: TENANT });

      expect(await moveThreeTimes(client, TENANT)).toEqual(all(30));

      expect(serverOf(stage.cluster, 0)._nsps.has(TENANT)).toBe(!cleanupEmptyChildNamespaces);
      client.close();
      await until(
        () => serverOf(stage.cluster, 1)._nsps.has(TENANT) !== cleanupEmptyChildNamespaces,
        () => 'the namespace to be cleaned up',
      );
    },
  );

  it('within several namespaces of one connection gets the events of each once', async () => {
    stage = await MovingUsers.start({ providers: [TenantGateway] });
    const client = await stage.connect('alice');
    const tenant = client.socket.io.socket(TENANT, { auth: { token: 'alice' } });
    const received: unknown[] = [];
    const recovered: boolean[] = [];
    tenant.on(NUMBERED, ([, number]: [string, number]) => received.push(number));
    tenant.on('connect', () => recovered.push(tenant.recovered));
    tenant.connect();
    await until(
      () => recovered.length === 1,
      () => 'the namespace',
    );
    const send = async (number: number): Promise<void> => {
      for (const namespace of ['/', TENANT]) {
        await stage.cluster.instance(number % 2).propagator.emitToUser({
          namespace,
          userId: 'alice',
          event: NUMBERED,
          data: ['n', number],
        });
      }
    };
    await send(0);

    await stage.move(client, 1, async () => {
      await until(
        () => stage.awayCounts === 2,
        () => 'both sessions to be away',
      );
      await send(1);
      await send(3);
    });
    await send(5);

    expect(await stage.settled(client)).toEqual([0, 1, 3, 5]);
    await until(
      () => received.includes(5),
      () => 'the last event of the namespace',
    );
    tenant.close();
    expect(received).toEqual([0, 1, 3, 5]);
    expect([client.connections, recovered]).toEqual([
      [false, true],
      [false, true],
    ]);
  });

  it('with a parser of the app gets each event once', async () => {
    stage = await MovingUsers.start({ prepare: serversWith({ parser: jsonParser }) });
    const client = await stage.connect('alice', 0, { socket: { parser: jsonParser } });
    expect(await moveThreeTimes(client, '/')).toEqual(all(30));
  });
});

/** The numbers that each of the two instances has sent. */
function inOrder(numbers: number[]): number[][] {
  return [0, 1].map((i) => numbers.filter((number) => Math.floor((number % 6) / 3) === i));
}

function all(count: number): number[][] {
  return inOrder(Array.from({ length: count }, (_, n) => n));
}
