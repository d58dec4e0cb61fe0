import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { afterEach, describe, expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { AuthenticatedSocket } from '../../../src/index.js';
import { PlainGateway, serverOf } from '../../support/plain-gateway.js';
import { StalledClient } from '../../support/stalled-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import type { TestClient } from '../../support/test-client.js';
import { until } from '../../support/until.js';

const MIB = 1024 * 1024;
const KIB_64 = 'x'.repeat(64 * 1024);
const LIMIT = 256 * 1024;

interface Connection {
  writeBuffer: { options: { wsPreEncodedFrame?: (Buffer | Buffer[])[] } }[];
  transport: { writable: boolean; socket: { bufferedAmount: number } };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function memory(): number {
  collectGarbage();
  const { external, heapUsed } = process.memoryUsage();
  return external + heapUsed;
}

const ended: unknown[] = [];

@WebSocketGateway()
class WatchingGateway implements OnGatewayConnection<AuthenticatedSocket> {
  // Nest 11 gives `handleDisconnect` no reason.
  handleConnection(client: AuthenticatedSocket): void {
    client.once('disconnect', (reason) => ended.push([client.data.userId, reason]));
  }
}

const start = async (slowClients: object | false): Promise<TestCluster> => {
  const cluster = await givenCluster()
    .of(1)
    .with(PlainGateway, WatchingGateway)
    .configured({ slowClients, repair: false })
    .start();
  // A client that stops reading does not answer pings either, which must not end the connection here.
  Object.assign(serverOf(cluster, 0).engine.opts, { pingInterval: 300_000 });
  return cluster;
};

describe('a client that stops reading', () => {
  let cluster: TestCluster;
  const stalled: StalledClient[] = [];
  afterEach(async () => {
    for (const client of stalled.splice(0)) client.close();
    await cluster.close();
    ended.length = 0;
  });

  const stall = async (token: string): Promise<StalledClient> => {
    const client = await StalledClient.connect(cluster.instance(0).url, token);
    stalled.push(client);
    return client;
  };

  const engine = () =>
    serverOf(cluster, 0).engine as unknown as {
      clientsCount: number;
      clients: Record<string, Connection>;
    };

  /** The bytes that the process keeps for clients. */
  function waiting(): number {
    let bytes = 0;
    for (const { writeBuffer, transport } of Object.values(engine().clients)) {
      for (const { options } of writeBuffer) {
        for (const frame of options.wsPreEncodedFrame?.flat() ?? []) bytes += frame.length;
      }
      bytes += transport.socket.bufferedAmount;
    }
    return bytes;
  }

  /** The buffers of the kernel have to be full before anything waits in the process. */
  async function emitUntil(over: () => boolean, live: TestClient[] = []): Promise<number> {
    const { propagator } = cluster.instance(0);
    let sent = 0;
    while (!over()) {
      if (sent > 4_000) throw new Error('nobody was ever too slow');
      await propagator.emitToAll({ event: 'big', data: [sent++, KIB_64] });
      await Promise.all(live.map((client) => client.waitFor('big', sent)));
    }
    return sent;
  }

  it('costs limited memory, and others get everything: 100 stalled, 100 live', async () => {
    cluster = await start({ maxBufferedBytes: LIMIT });
    const a = cluster.instance(0);
    const live: TestClient[] = [];
    for (let i = 0; i < 100; i += 20) {
      const some = Array.from({ length: 20 }, (_, j) => i + j);
      live.push(...(await Promise.all(some.map((n) => a.connect({ token: `live-${n}` })))));
      await Promise.all(some.map((n) => stall(`stalled-${n}`)));
    }
    expect(engine().clientsCount).toBe(200);
    const got = live.map(() => 0);
    for (const [i, { socket }] of live.entries()) {
      socket.onAny((event: string, data: unknown[]) => {
        // In order, each once.
        if (event === 'tick' && data[0] === got[i]) got[i] = (got[i] ?? 0) + 1;
        live[i]?.received.splice(0);
      });
    }
    const userIds = Array.from({ length: 100 }, (_, n) => `stalled-${n}`);
    const before = memory();
    let most = 0;
    let sent = 0;
    // The kernel buffers a few MiB of each stalled connection. Without a limit everything else would stay in the
    // process.
    while (engine().clientsCount > 100 || sent < 100) {
      if (sent > 2_000) throw new Error('nobody was ever too slow');
      await a.propagator.emitToUsers({ userIds, event: 'big', data: KIB_64 });
      await a.propagator.emitToAll({ event: 'tick', data: [sent++] });
      await until(
        () => got.every((count) => count === sent),
        () => `${sent} events, got ${got.join()}`,
      );
      most = Math.max(most, waiting());
    }
    live.forEach(({ received }) => received.splice(0));
    await a.served(...live);

    expect(got).toEqual(live.map(() => sent));
    expect(a.counts['client.slow']).toBe(100);
    expect(ended).toHaveLength(100);
    for (const [userId, reason] of ended as [string, string][]) {
      expect([userId.startsWith('stalled-'), reason]).toEqual([true, 'client.slow']);
    }
    // One tick may exceed the limit by one event and by the bytes on their way to the network.
    expect(most).toBeLessThanOrEqual(100 * (2 * LIMIT + 4 * KIB_64.length));
    expect(memory() - before).toBeLessThan(64 * MIB);
  }, 120_000);

  it('is found even if the app writes to its socket directly', async () => {
    cluster = await start({ maxBufferedBytes: LIMIT });
    await stall('alice');
    const [socket] = serverOf(cluster, 0).sockets.sockets.values();
    // More than any kernel buffers, in one write.
    for (let i = 0; i < 1_000; i++) socket?.emit('big', KIB_64);

    await until(
      () => ended.length > 0,
      () => 'the client to be disconnected',
    );
    expect(ended).toEqual([['alice', 'client.slow']]);
    expect(engine().clientsCount).toBe(0);
  });

  it('is only reported, once, if the app configures that', async () => {
    cluster = await start({ maxBufferedBytes: LIMIT, policy: 'report' });
    const client = await stall('alice');
    await emitUntil(() => (cluster.instance(0).counts['client.slow'] ?? 0) > 0);
    for (let i = 0; i < 10; i++) {
      await cluster.instance(0).propagator.emitToAll({ event: 'big', data: KIB_64 });
    }

    expect(cluster.instance(0).counts['client.slow']).toBe(1);
    expect(cluster.logger.matching(/^warn client\.slow: a client does not keep up/)).toHaveLength(
      1,
    );
    expect(ended).toEqual([]);
    client.close();
  });

  it('misses volatile events, which are counted, and keeps the others', async () => {
    cluster = await start(false);
    const a = cluster.instance(0);
    await stall('alice');
    const [socket] = serverOf(cluster, 0).sockets.sockets.values();
    if (socket === undefined) throw new Error('nobody is there');
    const connection = socket.client.conn as unknown as Connection;
    const { transport } = connection;
    await emitUntil(() => !transport.writable);
    const packets = () => connection.writeBuffer.length;
    await until(
      () => !transport.writable,
      () => 'the connection to be full',
    );
    const before = packets();

    serverOf(cluster, 0).volatile.emit('position', 1);
    expect(packets()).toBe(before);
    await a.propagator.emitToAll({ event: 'important' });

    expect(packets()).toBe(before + 1);
    expect(a.counts).toMatchObject({ 'volatile.dropped': 1 });
    expect(a.counts['client.slow']).toBeUndefined();
  });

  it('is not a client that gets a lot at once and reads it', async () => {
    cluster = await start({ maxBufferedBytes: 1 * MIB });
    const a = cluster.instance(0);
    const client = await a.connect({ token: 'bob' });
    // Twice the limit, in one write.
    const sent = Array.from({ length: 32 }, (_, i) => i);
    await Promise.all(sent.map((i) => a.propagator.emitToAll({ event: 'big', data: [i, KIB_64] })));
    const got = (await client.waitFor('big', 32)) as [number, string][];

    expect(got.map(([i]) => i)).toEqual(sent);
    expect(a.counts['client.slow']).toBeUndefined();
  });
});
