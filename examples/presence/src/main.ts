import { NestFactory } from '@nestjs/core';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
app.useWebSocketAdapter(new SocketStateAdapter(app));
// The users of an instance that closes properly are taken over at once. After a crash that takes
// `presence.leaseMs`.
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
console.log(`Listening on ${await app.getUrl()}`);
