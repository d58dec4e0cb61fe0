import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import { InMemoryBus, useInMemory } from 'nestjs-redis-propagator/testing';
import { io, type Socket } from 'socket.io-client';
import { AppModule } from '../../src/app.module.js';

/** Instances of the app that share a bus as they would share a Redis, and their clients. */
export class Cluster {
  private readonly bus = new InMemoryBus();
  private readonly apps: INestApplication[] = [];
  private readonly sockets: Socket[] = [];

  async startInstance(): Promise<INestApplication> {
    const builder = Test.createTestingModule({ imports: [AppModule] });
    const module = await useInMemory(builder, { bus: this.bus }).compile();
    const app = module.createNestApplication();
    app.useWebSocketAdapter(new SocketStateAdapter(app));
    await app.listen(0, '127.0.0.1');
    this.apps.push(app);
    return app;
  }

  /** Rejects if the client is refused. */
  async connect(app: INestApplication, token: string): Promise<Client> {
    const options = { auth: { token }, transports: ['websocket'], reconnection: false };
    const socket = io(await app.getUrl(), options);
    this.sockets.push(socket);
    const client = new Client(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('connect_error', reject);
    });
    return client;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.disconnect();
    await Promise.all(this.apps.map((app) => app.close()));
  }
}

/** A client that records its events. */
export class Client {
  readonly received: [event: string, data: unknown][] = [];

  constructor(readonly socket: Socket) {
    socket.onAny((event: string, data: unknown) => this.received.push([event, data]));
  }

  async has(event: string): Promise<void> {
    if (this.received.some(([name]) => name === event)) return;
    await new Promise((resolve) => this.socket.once(event, resolve));
  }
}
