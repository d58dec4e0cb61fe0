import { createApp } from './create-app.js';

// If a variable is not set, the default of the library applies: redis://localhost:6379, `propagator`.
const app = await createApp({
  redis: process.env.REDIS_URL,
  prefix: process.env.REDIS_PREFIX,
});
await app.listen(process.env.PORT ?? 3000);
console.log(`Listening on ${await app.getUrl()}`);
