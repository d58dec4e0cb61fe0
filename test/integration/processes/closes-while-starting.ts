import { NestFactory } from '@nestjs/core';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { RedisPropagatorModule } from '../../../src/index.js';

/** A Redis that accepts connections and never replies. */
const silent = createServer().listen(0, '127.0.0.1');
await once(silent, 'listening');
const { port } = silent.address() as { port: number };

class AppModule {}
const app = await NestFactory.create(
  {
    module: AppModule,
    imports: [
      RedisPropagatorModule.forRoot({
        redis: `redis://127.0.0.1:${port}`,
        connectTimeoutMs: 500,
        publishTimeoutMs: 500,
        heartbeatIntervalMs: 100,
      }),
    ],
  },
  { logger: false },
);
silent.unref().on('connection', (socket) => socket.unref());
const starting = app.init();
await once(silent, 'connection');
await app.close();
await starting;
