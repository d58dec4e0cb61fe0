import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Module, type INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { blocksIn } from '../../scripts/docs-check/code.mjs';
import { page } from '../../scripts/docs-check/pages.mjs';
import { findNginx } from '../../scripts/nginx/find.mjs';
import { freePort } from '../../scripts/redis/probe.mjs';
import {
  RedisPropagatorModule,
  RedisPropagatorService,
  SocketStateAdapter,
} from '../../src/index.js';
import { PlainGateway } from '../support/plain-gateway.js';
import { testRedisUrl, TOKEN_IS_USER } from '../support/test-cluster.js';
import { until } from '../support/until.js';

const [forWebSockets = '', forPolling = ''] = blocksIn([page('docs/deploys.md')], 'nginx').map(
  ({ code }) => code,
);
const CLIENTS = 12;

type ClientOptions = Partial<ManagerOptions & SocketOptions>;

/** A client that reconnects by itself and counts its disconnects. */
class Visitor {
  readonly socket: Socket;
  disconnects = 0;
  news: unknown[] = [];

  constructor(url: string, token: string, options: ClientOptions) {
    this.socket = io(url, { forceNew: true, auth: { token }, ...options });
    this.socket.on('disconnect', () => this.disconnects++);
    this.socket.on('news', (data) => this.news.push(data));
  }
}

describe('the nginx files of docs/deploys.md', () => {
  const prefix = `test-${randomUUID()}`;
  let folder: string;
  let nginx: ChildProcess | undefined;
  let apps: INestApplication[];
  let ports: number[];
  let visitors: Visitor[];

  async function start(port: number): Promise<INestApplication> {
    @Module({
      imports: [
        RedisPropagatorModule.forRoot({
          redis: testRedisUrl(),
          prefix,
          auth: TOKEN_IS_USER,
          shutdown: { drainMs: 300 },
        }),
      ],
      providers: [PlainGateway],
    })
    class App {}
    const app = await NestFactory.create(App, { logger: false });
    app.useWebSocketAdapter(new SocketStateAdapter(app));
    await app.listen(port, '127.0.0.1');
    return app;
  }

  /** Starts nginx with a file whose ports are replaced by those of the instances. */
  async function serve(file: string): Promise<string> {
    const port = await freePort();
    const own = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${name};`)
      .join(' ');
    const config = file
      .replaceAll(/3001|3002/g, (found) => String(ports[Number(found) - 3001]))
      .replace('listen 8080', `listen 127.0.0.1:${port}`)
      .replace(/^pid .*$/m, '')
      .replace('http {', `http {\n  access_log off; ${own}`);
    await writeFile(join(folder, 'nginx.conf'), config);
    const user = process.getuid?.() === 0 ? 'user root; ' : '';
    const globals = `${user}daemon off; master_process off; pid nginx.pid; error_log stderr crit;`;
    const args = ['-p', folder, '-e', 'stderr', '-c', 'nginx.conf', '-g', globals];
    nginx = spawn(await findNginx(), args, { stdio: ['ignore', 'ignore', 'inherit'] });
    return `http://127.0.0.1:${port}`;
  }

  async function visit(url: string, optionsOf: (index: number) => ClientOptions) {
    visitors = Array.from(
      { length: CLIENTS },
      (_, index) =>
        new Visitor(url, `user-${index}`, { reconnectionDelay: 200, ...optionsOf(index) }),
    );
    await allConnected();
  }

  const allConnected = () =>
    until(
      () => visitors.every(({ socket }) => socket.connected),
      () => 'all clients to be connected',
    );

  /** The numbers of the clients of an instance, from the users that it knows. */
  async function clientsOf(index: number): Promise<number[]> {
    const sockets = await apps[index]?.get(PlainGateway).server.local.fetchSockets();
    return (sockets ?? [])
      .map(({ data }) => Number(/\d+/.exec((data as { userId: string }).userId)?.[0]))
      .toSorted((one, other) => one - other);
  }

  /** Restarts an instance as a deploy does, on its port. */
  async function restart(index: number): Promise<void> {
    await apps[index]?.close();
    await allConnected();
    const port = ports[index];
    if (port !== undefined) apps[index] = await start(port);
  }

  /** Sends an event from both instances and waits until every client has both. */
  async function everyoneGetsNews(): Promise<void> {
    for (const visitor of visitors) visitor.news = [];
    for (const [index, app] of apps.entries()) {
      await app.get(RedisPropagatorService).emitToAll({ event: 'news', data: index });
    }
    await until(
      () => visitors.every(({ news }) => news.length >= 2),
      () => 'every client to get the news of both instances',
    );
    for (const { news } of visitors) expect(new Set(news)).toEqual(new Set([0, 1]));
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nginx-'));
    // Of the worker's own range: another test could get a port from the system while its instance restarts.
    ports = [await freePort(), await freePort()];
    apps = await Promise.all(ports.map(start));
    visitors = [];
  });

  afterEach(async () => {
    for (const { socket } of visitors) socket.disconnect();
    if (nginx !== undefined && nginx.exitCode === null) {
      const exited = once(nginx, 'exit');
      nginx.kill();
      await exited;
    }
    await Promise.all(apps.map((app) => app.close()));
    await rm(folder, { recursive: true, force: true });
  });

  it.each<[string, string, (index: number) => ClientOptions]>([
    ['WebSocket only', forWebSockets, () => ({ transports: ['websocket'] })],
    ['long polling', forPolling, () => ({ transports: ['polling'], withCredentials: true })],
    ['long polling, then WebSocket', forPolling, () => ({ withCredentials: true })],
    [
      'the chat example, with the cookies of its page',
      readFileSync('examples/chat/deploy/nginx.conf', 'utf8')
        // Addresses are not looked up, and nginx before 1.27.3 does not know the parameter.
        .replace('one:3000 resolve', '127.0.0.1:3001')
        .replace('two:3000 resolve', '127.0.0.1:3002'),
      (index) => ({ transports: ['websocket'], extraHeaders: { cookie: `instance=${index}` } }),
    ],
  ])('cut each client once for each restart of its instance: %s', async (_, file, optionsOf) => {
    await visit(await serve(file), optionsOf);
    const first = await clientsOf(0);
    expect([...first, ...(await clientsOf(1))]).toHaveLength(CLIENTS);
    await everyoneGetsNews();

    await restart(0);
    await everyoneGetsNews();
    expect(await clientsOf(1)).toHaveLength(CLIENTS);
    // The clients of the other instance, and those that have moved, stay where they are.
    const cuts = () => visitors.map(({ disconnects }) => disconnects);
    expect(cuts()).toEqual(visitors.map((__, index) => (first.includes(index) ? 1 : 0)));

    await restart(1);
    await everyoneGetsNews();
    expect(await clientsOf(0)).toHaveLength(CLIENTS);
    expect(cuts()).toEqual(visitors.map((__, index) => (first.includes(index) ? 2 : 1)));
  });
});
