import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { ChatSocketAdapter } from './common/chat-socket.adapter.js';
import { corsFor } from './common/cors.js';
import { servePage } from './common/page.js';
import { validation } from './common/validation.js';
import { Config } from './config.js';

/** One instance of the app that does not listen yet. */
export async function createApp(): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule);
  const config = app.get(Config);
  const cors = corsFor(config);

  app.enableCors(cors);
  app.useGlobalPipes(validation);
  // This line authenticates the clients of the gateways, and connects them to the other instances.
  app.useWebSocketAdapter(new ChatSocketAdapter(app, cors));
  servePage(app, config);
  // Otherwise SIGTERM would end the process at once, together with its clients.
  app.enableShutdownHooks();
  return app;
}
