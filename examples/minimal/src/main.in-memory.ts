import { InMemoryBus, InMemoryPubSub } from 'nestjs-redis-propagator/testing';
import { createApp } from './create-app.js';

// Several instances in one process without Redis: they share a bus, as they would share a Redis.
const bus = new InMemoryBus();
for (const port of (process.env.PORTS ?? '3001,3002').split(',')) {
  const app = await createApp({ pubSub: new InMemoryPubSub(bus) });
  await app.listen(port);
  console.log(`Listening on ${await app.getUrl()}`);
}
