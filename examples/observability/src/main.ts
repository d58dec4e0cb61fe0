// First: code that starts before the SDK of OpenTelemetry does not find it.
import './instrumentation.js';
import { NestFactory } from '@nestjs/core';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
app.useWebSocketAdapter(new SocketStateAdapter(app));
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
console.log(`Listening on ${await app.getUrl()}`);
