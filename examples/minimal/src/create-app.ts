import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SocketStateAdapter, type RedisPropagatorOptions } from 'nestjs-redis-propagator';
import { join } from 'node:path';
import { AppModule } from './app.module.js';

/** One instance of the app, still to listen. */
export async function createApp(options: RedisPropagatorOptions): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(options));
  // This line takes the gateways into the cluster and authenticates their clients.
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  app.useStaticAssets(join(import.meta.dirname, '../public'));
  // Close on Ctrl-C and SIGTERM: events on their way are sent before Redis is left.
  app.enableShutdownHooks();
  return app;
}
