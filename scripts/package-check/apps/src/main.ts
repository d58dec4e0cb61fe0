import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import * as testing from 'nestjs-redis-propagator/testing';
import { AppModule } from './app.module.js';

async function main(): Promise<void> {
  if (Object.keys(testing).length === 0) throw new Error('the testing door exports nothing');

  const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] });
  app.useWebSocketAdapter(new SocketStateAdapter(app));
  await app.listen(0, '127.0.0.1');
  process.once('SIGTERM', () => void app.close());
  console.log(`listening on ${await app.getUrl()}`);
}

void main();
