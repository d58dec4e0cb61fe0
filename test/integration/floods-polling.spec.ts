import { Agent } from 'node:http';
import { SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Server } from 'socket.io';
import type { Identity, RedisPropagatorOptions } from '../../src/index.js';
import { Deferred } from '../support/deferred.js';
import { connectPacket } from '../support/flooding-client.js';
import { RawPollingClient } from '../support/raw-polling-client.js';
import { givenCluster, type TestCluster } from '../support/test-cluster.js';
import type { TestInstance } from '../support/test-instance.js';
import { until } from '../support/until.js';

let handled = 0;

@WebSocketGateway()
class FloodedGateway {
  @WebSocketServer() readonly server!: Server;

  @SubscribeMessage('work')
  work(): string {
    handled++;
    return 'done';
  }
}

const ROOT = connectPacket('/', { token: 'alice' });

describe('a flood over long polling of', () => {
  let cluster: TestCluster;
  let a: TestInstance;
  let agent: Agent;
  let authenticate: () => Identity | Promise<Identity>;
  let asked: number;

  beforeEach(() => {
    handled = 0;
    asked = 0;
    authenticate = () => ({ userId: 'alice' });
    agent = new Agent({ keepAlive: true, maxSockets: 50 });
  });
  afterEach(async () => {
    agent.destroy();
    await cluster.close();
  });

  const start = async ({ auth, ...options }: Partial<RedisPropagatorOptions> = {}) => {
    cluster = await givenCluster()
      .of(1)
      .with(FloodedGateway)
      .onInMemoryPubSub()
      .configured({
        ...options,
        auth: {
          ...auth,
          authenticate: () => {
            asked++;
            return authenticate();
          },
        },
      })
      .start();
    a = cluster.instance(0);
  };
  const open = (): Promise<RawPollingClient> => RawPollingClient.open(a.url, agent);
  const count = (kind: string, expected: number): Promise<void> =>
    until(
      () => a.counts[kind] === expected,
      () => `${expected} x ${kind}, got ${JSON.stringify(a.counts)}`,
    );
  const connections = (): number => a.app.get(FloodedGateway).server.engine.clientsCount;

  it('CONNECT packets in one payload authenticates once, and creates one socket', async () => {
    await start();
    const answer = new Deferred<Identity>();
    authenticate = () => answer.promise;
    const client = await open();
    await client.post(...Array<string>(50).fill(ROOT));
    await count('connection.duplicate', 49);
    answer.resolve({ userId: 'alice' });
    await until(
      () => a.state.socketCount === 1,
      () => 'one socket',
    );
    expect(asked).toBe(1);
    expect((await client.poll()).filter((packet) => packet.startsWith('40'))).toHaveLength(1);
  });

  it('thousands of CONNECT packets ends the connection, and leaves nothing behind', async () => {
    await start();
    authenticate = () => new Promise<never>(() => {});
    const client = await open();
    await client.post(...Array<string>(2_000).fill(ROOT));
    await until(
      () => connections() === 0,
      () => `the connection to be closed, ${JSON.stringify(a.counts)}`,
    );
    expect(asked).toBe(1);
    expect(a.counts['client.disconnected']).toBe(1);
    expect(a.state.socketCount).toBe(0);
  });

  it('handshakes calls authenticate for each namespace, at most as often as the limit allows', async () => {
    await start({ auth: { authenticate: () => null, handshakesPerSecond: 1 } });
    const clients = await Promise.all(Array.from({ length: 300 }, open));
    expect(connections()).toBe(300);
    await Promise.all(clients.map((client) => client.post(ROOT)));
    await until(
      () => asked + (a.counts['auth.too-many-handshakes'] ?? 0) === 300,
      () => `300 answers, got ${asked} and ${JSON.stringify(a.counts)}`,
    );
    // One bucket for the address, with any transport; a slow machine takes some seconds.
    expect(asked).toBeLessThan(60);
    expect(a.state.socketCount).toBe(asked);
  });

  it('events, 100 in each payload: a user has the same limit as over WebSocket', async () => {
    await start({ limits: { eventsPerSecond: 1, eventBurst: 5, refusals: 1_000 } });
    const client = await open();
    await client.post(ROOT);
    await client.poll();
    const events = Array.from({ length: 100 }, () => '2["work",1]');
    for (let payload = 0; payload < 3; payload++) await client.post(...events);
    await until(
      () => handled + (a.counts['client.too-many-events'] ?? 0) === 300,
      () => `300 events, got ${handled} and ${JSON.stringify(a.counts)}`,
    );
    expect(handled).toBeGreaterThanOrEqual(5);
    expect(handled).toBeLessThan(60);
  });

  it('events ends the connection after limits.refusals', async () => {
    await start({ limits: { eventsPerSecond: 1, eventBurst: 1, refusals: 20 } });
    const client = await open();
    await client.post(ROOT);
    await client.poll();
    await client.post(...Array.from({ length: 100 }, () => '2["work",1]'));
    await until(
      () => connections() === 0,
      () => 'the connection to be closed',
    );
    expect(a.counts['client.disconnected']).toBe(1);
  });

  it('POSTs to unknown connections calls nothing, and leaves nothing behind', async () => {
    await start();
    const client = await open();
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, number) => client.postTo(`unknown-${number}`, ROOT)),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
    expect([asked, connections()]).toEqual([0, 1]);
  });

  it('bodies that never end does not affect other clients', async () => {
    await start();
    const ends: (() => void)[] = [];
    for (let number = 0; number < 100; number++) ends.push((await open()).stall());
    const bob = await a.connect({ token: 'bob', transports: ['polling'] });
    expect(await bob.ask('work', 1)).toBe('done');
    for (const end of ends) end();
    await until(
      () => connections() === 1,
      () => `the stalled connections to be closed, ${connections()} are left`,
    );
  });
});
