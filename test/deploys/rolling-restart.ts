import { createServer, connect, type Server, type Socket as TcpSocket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import type { ShutdownOptions } from '../../src/index.js';
import type { Tick } from '../fixtures/deploy-app/main.js';
import { until } from '../support/until.js';
import { DeployedApp } from './deployed-app.js';

export interface RollingRestartOptions {
  readonly redis: string;
  readonly prefix: string;
  readonly instances: number;
  readonly clients: number;
  /** The interval at which each instance sends an event to all clients. */
  readonly tickMs: number;
  readonly shutdown?: ShutdownOptions;
  /** Whether the balancer leaves out instances that are not ready. */
  readonly readsHealth?: boolean;
}

export interface RestartReport {
  /** The signals with which instances ended. */
  readonly exits: readonly unknown[];
  /** When clients were connected again, for each restart, in ms since the signal to their instance. */
  readonly reconnects: readonly (readonly number[])[];
  /** Events that clients received. */
  readonly delivered: number;
  /** Events that a client missed although it was connected when they were sent. */
  readonly lost: number;
  /** Events that a client received twice or out of order during one connection. */
  readonly wrong: number;
}

/** Restarts all instances one after the other under load, with clients that reconnect by themselves. */
export async function rollingRestart(options: RollingRestartOptions): Promise<RestartReport> {
  const apps: DeployedApp[] = [];
  const balancer = new Balancer(apps, options.readsHealth ?? true);
  const clients: Visitor[] = [];
  try {
    for (let i = 0; i < options.instances; i++) apps.push(await DeployedApp.start(options));
    const url = await balancer.listen();
    for (let i = 0; i < options.clients; i++) clients.push(new Visitor(url, `user-${i}`));
    const all = (): boolean => clients.every(({ connected }) => connected);
    await until(all, () => 'all clients to be connected', 60_000);
    const exits: unknown[] = [];
    const reconnects: number[][] = [];
    for (const [index, app] of apps.entries()) {
      const startedAt = performance.now();
      for (const client of clients) client.reconnectedAt = undefined;
      const exit = app.terminate();
      exits.push(await exit);
      apps[index] = await DeployedApp.start(options);
      await until(all, () => 'all clients to be connected again', 60_000);
      reconnects.push(
        clients.flatMap(({ reconnectedAt }) =>
          reconnectedAt === undefined ? [] : [reconnectedAt - startedAt],
        ),
      );
    }
    const seen = clients.map(({ delivered }) => delivered);
    await until(
      () => clients.every(({ delivered }, i) => delivered > (seen[i] ?? 0)),
      () => 'events for everybody',
    );
    const sum = (of: (client: Visitor) => number): number =>
      clients.reduce((total, client) => total + of(client), 0);
    return {
      exits,
      reconnects,
      delivered: sum(({ delivered }) => delivered),
      lost: sum(({ lost }) => lost),
      wrong: sum(({ wrong }) => wrong),
    };
  } finally {
    for (const client of clients) client.close();
    for (const app of apps) app.kill();
    balancer.close();
  }
}

/** A client that counts its events. Within one connection the numbers of each instance must be consecutive. */
class Visitor {
  private readonly socket: Socket;
  private readonly last = new Map<string, number>();
  delivered = 0;
  lost = 0;
  wrong = 0;
  reconnectedAt: number | undefined;

  constructor(url: string, token: string) {
    this.socket = io(url, { transports: ['websocket'], forceNew: true, auth: { token } });
    this.socket.on('connect', () => {
      this.last.clear();
      this.reconnectedAt = performance.now();
    });
    this.socket.on('tick', ([instanceId, number]: Tick) => {
      const last = this.last.get(instanceId);
      this.delivered++;
      this.last.set(instanceId, number);
      if (last === undefined) return;
      if (number <= last) this.wrong++;
      else this.lost += number - last - 1;
    });
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  close(): void {
    this.socket.disconnect();
  }
}

/** A balancer that knows which instances are ready: each connection goes to the next ready one. */
class Balancer {
  private readonly server: Server;
  private readonly open = new Set<TcpSocket>();
  private next = 0;

  constructor(
    private readonly apps: readonly DeployedApp[],
    private readonly readsHealth: boolean,
  ) {
    this.server = createServer((client) => {
      this.open.add(client);
      client.on('close', () => this.open.delete(client)).on('error', () => client.destroy());
      this.forward(client, this.apps.length);
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.server.listen(0, '127.0.0.1', resolve);
    });
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    for (const client of this.open) client.destroy();
    this.server.close();
  }

  private forward(client: TcpSocket, attempts: number): void {
    const app = this.apps[this.next++ % this.apps.length];
    if (app === undefined || attempts === 0) {
      client.destroy();
      return;
    }
    if (app.ending && this.readsHealth) {
      this.forward(client, attempts - 1);
      return;
    }
    const upstream = connect(app.port, '127.0.0.1');
    let there = false;
    upstream.on('connect', () => {
      there = true;
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => {
      if (there) client.destroy();
      else this.forward(client, attempts - 1);
    });
    upstream.on('close', () => there && client.destroy());
    client.on('close', () => upstream.destroy());
  }
}
