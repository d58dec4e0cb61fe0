import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SocketStateAdapter, type RedisPropagatorOptions } from 'nestjs-redis-propagator';
import { join } from 'node:path';
import { AppModule } from './app.module.js';

/** One instance of the app that does not listen yet. */
export async function createApp(options: RedisPropagatorOptions): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(options));
  // This line connects the gateways to the other instances and authenticates their clients.
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  app.useStaticAssets(join(import.meta.dirname, '../public'));
  // Closes on Ctrl-C and SIGTERM: events in flight are sent before the connection to Redis is closed.
  app.enableShutdownHooks();
  return app;
}
