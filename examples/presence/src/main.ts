import { NestFactory } from '@nestjs/core';
import { SocketStateAdapter } from 'nestjs-redis-propagator';
import { AppModule } from './app.module.js';

const app = await NestFactory.create(AppModule);
app.useWebSocketAdapter(new SocketStateAdapter(app));
// Who closes in order has its users taken over at once. Who is killed is missed after `presence.leaseMs`.
app.enableShutdownHooks();
await app.listen(process.env.PORT ?? 3000);
console.log(`Listening on ${await app.getUrl()}`);
