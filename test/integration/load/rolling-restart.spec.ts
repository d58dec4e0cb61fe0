import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { DeployedApp } from '../../deploys/deployed-app.js';
import { rollingRestart } from '../../deploys/rolling-restart.js';
import { testRedisUrl } from '../../support/test-cluster.js';
import { until } from '../../support/until.js';

describe('a deploy', () => {
  const apps: DeployedApp[] = [];
  const sockets: Socket[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect();
    for (const app of apps.splice(0)) app.kill();
  });

  it('of three instances under load loses no event for connected clients', async () => {
    const report = await rollingRestart({
      redis: testRedisUrl(),
      prefix: `test-${randomUUID()}`,
      instances: 3,
      clients: 18,
      tickMs: 50,
      shutdown: { drainMs: 500, clientsPerSecond: 12 },
    });

    expect(report).toMatchObject({ lost: 0, wrong: 0, exits: ['SIGTERM', 'SIGTERM', 'SIGTERM'] });
    expect(report.delivered).toBeGreaterThan(1_000);
    // Each client had to reconnect elsewhere once or more often.
    expect(report.reconnects.every((times) => times.length > 0)).toBe(true);
    // A machine that was frozen for that long may have disconnected them together once.
    const spreads = report.reconnects.map((times) => Math.max(...times) - Math.min(...times));
    expect(Math.max(...spreads)).toBeGreaterThan(100);
  }, 300_000);

  it('tolerates the signal twice', async () => {
    const prefix = `test-${randomUUID()}`;
    const shutdown = { drainMs: 500, clientsPerSecond: 1 };
    const app = await DeployedApp.start({ redis: testRedisUrl(), prefix, tickMs: 10, shutdown });
    apps.push(app);
    const told: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      const socket = io(app.url, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
      });
      sockets.push(socket);
      socket.on('propagator:disconnect', ({ reason }) => told.push(reason));
    }
    await until(
      () => sockets.every(({ connected }) => connected),
      () => 'all to be connected',
    );

    const ended = app.terminate();
    await until(
      () => told.length > 0,
      () => 'the drain to have begun',
    );
    app.signalAgain();

    expect(await ended).toBe('SIGTERM');
    await until(
      () => told.length === 5,
      () => 'all to be told',
    );
    expect(new Set(told)).toEqual(new Set(['server.draining']));
  });
});
