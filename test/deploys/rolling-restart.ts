import { io, type Socket } from 'socket.io-client';
import type { RedisPropagatorOptions, ShutdownOptions } from '../../src/index.js';
import type { Tick } from '../fixtures/deploy-app/main.js';
import { Balancer } from '../support/balancer.mjs';
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
  readonly recovery?: RedisPropagatorOptions['recovery'];
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
  /** The number of those connections, and of those of them that were recovered. */
  readonly reconnected: number;
  readonly recovered: number;
  /** Events that a client missed although it was connected when they were sent, or recovered after that. */
  readonly lost: number;
  /** Events that a client received twice or out of order during one connection and those that recovered it. */
  readonly wrong: number;
}

/** Restarts all instances one after the other under load, with clients that reconnect by themselves. */
export async function rollingRestart(options: RollingRestartOptions): Promise<RestartReport> {
  const apps: DeployedApp[] = [];
  const balancer = await Balancer.start();
  if (options.readsHealth ?? true) {
    balancer.isReady = (instance) => apps[instance]?.ending === false;
  }
  const clients: Visitor[] = [];
  try {
    for (let i = 0; i < options.instances; i++) {
      const app = await DeployedApp.start(options);
      apps.push(app);
      balancer.instances.push(app.url);
    }
    for (let i = 0; i < options.clients; i++) clients.push(new Visitor(balancer.url, `user-${i}`));
    const all = (): boolean => clients.every(({ connected }) => connected);
    await until(all, () => 'all clients to be connected', 60_000);
    const exits: unknown[] = [];
    const reconnects: number[][] = [];
    for (const [index, app] of apps.entries()) {
      const startedAt = performance.now();
      for (const client of clients) client.reconnectedAt = undefined;
      const exit = app.terminate();
      exits.push(await exit);
      const restarted = await DeployedApp.start(options);
      apps[index] = restarted;
      balancer.instances[index] = restarted.url;
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
      reconnected: sum(({ connections }) => connections - 1),
      recovered: sum(({ recovered }) => recovered),
      delivered: sum(({ delivered }) => delivered),
      lost: sum(({ lost }) => lost),
      wrong: sum(({ wrong }) => wrong),
    };
  } finally {
    for (const client of clients) client.close();
    for (const app of apps) app.kill();
    await balancer.close();
  }
}

/** A client that counts its events. Until a new connection the numbers of each instance must be consecutive. */
class Visitor {
  private readonly socket: Socket;
  private readonly last = new Map<string, number>();
  delivered = 0;
  lost = 0;
  wrong = 0;
  connections = 0;
  recovered = 0;
  reconnectedAt: number | undefined;

  constructor(url: string, token: string) {
    this.socket = io(url, { transports: ['websocket'], forceNew: true, auth: { token } });
    this.socket.on('connect', () => {
      this.connections++;
      if (this.socket.recovered) this.recovered++;
      else this.last.clear();
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
