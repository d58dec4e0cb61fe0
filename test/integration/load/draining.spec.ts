import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { AuthenticatedSocket, ShutdownOptions } from '../../../src/index.js';
import { RUNTIME } from '../../../src/nest/tokens.js';
import type { Runtime } from '../../../src/nest/runtime.js';
import { Deferred } from '../../support/deferred.js';
import { PlainGateway } from '../../support/plain-gateway.js';
import { StalledClient } from '../../support/stalled-client.js';
import { TestClient } from '../../support/test-client.js';
import { givenCluster, type TestCluster } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

@WebSocketGateway({ namespace: 'chat' })
class ChatGateway {}

const ended: unknown[] = [];

@WebSocketGateway()
class WatchingGateway implements OnGatewayConnection<AuthenticatedSocket> {
  // Nest 11 gives `handleDisconnect` no reason.
  handleConnection(client: AuthenticatedSocket): void {
    client.once('disconnect', (reason) => ended.push(reason));
  }
}

/** Delays the end of an app. */
let gate: Deferred | undefined;

@Injectable()
class Gate implements BeforeApplicationShutdown {
  beforeApplicationShutdown(): Promise<void> | undefined {
    return gate?.promise;
  }
}

const start = (shutdown: ShutdownOptions = {}) =>
  givenCluster()
    .of(2)
    .with(PlainGateway, ChatGateway, WatchingGateway, Gate)
    .configured({ shutdown, slowClients: false })
    .start();

describe('an instance that shuts down', () => {
  let cluster: TestCluster;
  const stalled: StalledClient[] = [];
  afterEach(async () => {
    gate?.resolve();
    gate = undefined;
    for (const client of stalled.splice(0)) client.close();
    await cluster.close();
    ended.length = 0;
  });

  const runtime = (index: number) => cluster.instance(index).app.get<Runtime>(RUNTIME);
  const started = async (closing: Promise<void>, index = 0): Promise<void> => {
    void closing;
    await until(
      () => !runtime(index).readiness.ready,
      () => 'the instance to shut down',
    );
  };

  it('notifies its clients, and they reconnect by themselves', async () => {
    cluster = await start();
    const a = cluster.instance(0);
    const clients = [];
    for (let i = 0; i < 5; i++) {
      clients.push(await a.connect({ token: `user-${i}`, reconnection: true }));
    }
    const chat = await a.connect({ namespace: '/chat', reconnection: true });
    const reasons: string[] = [];
    for (const { socket } of [...clients, chat]) {
      socket.on('disconnect', (reason) => reasons.push(reason));
    }

    await a.app.close();

    for (const client of [...clients, chat]) {
      const [told] = await client.waitFor('propagator:disconnect');
      expect(told).toEqual({ reason: 'server.draining', reconnectInMs: expect.any(Number) });
      const { reconnectInMs } = told as { reconnectInMs: number };
      // Six clients at 200 a second.
      expect(reconnectInMs >= 0 && reconnectInMs < 30).toBe(true);
    }
    await until(
      () => reasons.length === 6,
      () => 'all clients to be disconnected',
    );
    // The reasons after which the client of Socket.IO reconnects.
    expect(new Set(reasons)).toEqual(new Set(['transport close']));
    for (const { socket } of [...clients, chat]) expect(socket.active).toBe(true);
    expect(ended).toEqual(Array.from({ length: 5 }, () => 'forced close'));
  });

  it('does not ask clients that it disconnects together to come back together', async () => {
    cluster = await start({ drainMs: 10, clientsPerSecond: 1 });
    const a = cluster.instance(0);
    const clients = [];
    for (let i = 0; i < 6; i++) clients.push(await a.connect({ token: `user-${i}` }));

    await a.app.close();

    const hints = [];
    for (const client of clients) {
      const [{ reconnectInMs }] = (await client.waitFor('propagator:disconnect')) as [
        { reconnectInMs: number },
      ];
      hints.push(reconnectInMs);
    }
    // Six clients at one a second: each picks any moment of the next second.
    expect(Math.max(...hints)).toBeGreaterThan(10);
    expect(Math.max(...hints)).toBeLessThan(1_000);
  });

  it.each([['websocket'], ['polling']])(
    'refuses new clients over %s with 503, before anything else',
    async (transport) => {
      cluster = await start();
      const a = cluster.instance(0);
      gate = new Deferred();
      const closing = a.app.close();
      await started(closing);

      const client = TestClient.open(a.url, { token: 'late', transports: [transport] });
      const error = (await client.connected().catch((refused: unknown) => refused)) as {
        description: number | { message: string };
      };
      client.close();
      const answer = await fetch(`${a.url}/socket.io/?EIO=4&transport=polling`);

      const { description } = error;
      expect(typeof description === 'number' ? `${description}` : description.message).toContain(
        '503',
      );
      expect([answer.status, await answer.json()]).toEqual([
        503,
        { code: 'server.draining', message: 'The server is shutting down' },
      ]);
      gate?.resolve();
      await closing;
    },
  );

  it('closes the connection of a refused client, even if the client keeps it open', async () => {
    cluster = await start();
    const a = cluster.instance(0);
    runtime(0).refuseClients();
    const { port } = new URL(a.url);
    const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
    const chunks: string[] = [];
    socket.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
    const path = '/socket.io/?EIO=4&transport=websocket';
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n`,
    );
    await once(socket, 'end');

    expect(chunks.join('')).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\n.*server\.draining/s);
    const server = a.app.getHttpServer() as Server;
    await until(
      () => new Promise<boolean>((resolve) => server.getConnections((_, n) => resolve(n === 0))),
      () => 'the server to have no connection',
    );
    socket.destroy();
  });

  it('is not ready, and still serves its connected clients', async () => {
    cluster = await start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const polling = await a.connect({ token: 'alice', transports: ['polling'] });
    const bob = await a.connect({ token: 'bob' });
    gate = new Deferred();
    // Both are still connected while the app itself is busy: our own hook is held back, too.
    runtime(0).refuseClients();
    expect(runtime(0).readiness.reason).toBe('draining');

    await b.propagator.emitToAll({ event: 'still' });
    await Promise.all([polling.waitFor('still'), bob.waitFor('still')]);
    expect(await bob.ask('join', 'room')).toBe(true);
  });

  it('disconnects a client that enters another namespace too late, instead of refusing it for good', async () => {
    cluster = await start();
    const a = cluster.instance(0);
    const client = await a.connect({ token: 'alice', reconnection: true });
    runtime(0).refuseClients();

    const chat = client.socket.io.socket('/chat', { auth: { token: 'alice' } });
    const refusals: unknown[] = [];
    chat.on('connect_error', ({ message }) => refusals.push(message));
    await until(
      () => !client.socket.connected,
      () => 'the connection to be closed',
    );

    expect(client.socket.active && chat.active).toBe(true);
    // It keeps trying, and sees the error of the transport.
    expect(refusals).not.toContain('The server is shutting down');
    client.socket.io.reconnection(false);
    chat.disconnect();
  });

  it('spreads the disconnects over the given time', async () => {
    cluster = await start({ drainMs: 3_000, clientsPerSecond: 1 });
    const a = cluster.instance(0);
    const clients = [];
    for (let i = 0; i < 30; i++) clients.push(await a.connect({ token: `user-${i}` }));
    const times: number[] = [];
    const before = performance.now();
    for (const { socket } of clients) {
      socket.on('disconnect', () => times.push(performance.now() - before));
    }

    await a.app.close();
    await until(
      () => times.length === 30,
      () => 'all to be disconnected',
    );

    // Not in order of connection, and not together: 30 random moments all in one half would be a miracle.
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(100);
  });

  it('does not wait for a client that has stopped reading, and ends once if it is signalled twice', async () => {
    cluster = await start({ drainMs: 0 });
    const a = cluster.instance(0);
    for (let i = 0; i < 2; i++) {
      stalled.push(await StalledClient.connect(a.url, 'alice'));
    }
    const data = 'x'.repeat(256 * 1024);
    for (let i = 0; i < 50; i++) await a.propagator.emitToAll({ event: 'big', data });
    const before = performance.now();

    const closing = [a.app.close(), a.app.close()];
    await Promise.all(closing);
    await a.app.close();

    // An orderly close would take the 30 seconds for which `ws` waits.
    expect(performance.now() - before).toBeLessThan(25_000);
    expect(runtime(0).readiness.reason).toBe('closed');
    expect(cluster.logger.matching(/^error|listener\.failed/)).toEqual([]);
  }, 40_000);

  it('lets pending requests to other instances end', async () => {
    cluster = await start();
    const [a, b] = [cluster.instance(0), cluster.instance(1)];
    const bob = await b.connect({ token: 'bob' });
    const asked = new Deferred<(answer: string) => void>();
    bob.socket.on('how are you', (_data: unknown, ack: (answer: string) => void) => {
      asked.resolve(ack);
    });
    const answers = a.propagator.requestUser({
      userId: 'bob',
      event: 'how are you',
      data: null,
      timeoutMs: 5_000,
    });
    const ack = await asked.promise;
    const closing = a.app.close();
    await started(closing);
    ack('fine');

    expect(await answers).toMatchObject({ complete: true, missing: [] });
    await closing;
  });
});
