// Measures how long the event loop of an instance is blocked while 10,000 authenticated sockets connect in a burst,
// next to the same Nest app with Nest's own IoAdapter: `npm run bench:stalls`.
import { acquireRedis } from '../../scripts/redis/acquire.mjs';
import { startProcess } from '../processes/process-handle.mjs';

const SOCKETS = 10_000;

const redis = await acquireRedis();
if (redis.url === null) throw new Error(redis.reason);
for (const adapter of ['io-adapter', 'library', 'io-adapter', 'library']) {
  const env = { REDIS_URL: redis.url, ADAPTER: adapter };
  const server = await startProcess(new URL('./connect-server.mjs', import.meta.url), env);
  const clients = await startProcess(new URL('./connect-clients.mjs', import.meta.url), env);
  const url = await server.call('where');
  await server.call('stall');
  const took = await clients.call('connect', url, SOCKETS);
  const stall = await server.call('stall');
  const cpu = await server.cpu();
  console.log(
    `${SOCKETS} sockets, ${adapter}: ${Math.round(took)} ms, longest stall ${stall.toFixed(1)} ms, ` +
      `${Math.round(cpu / SOCKETS)} µs CPU per socket since start`,
  );
  await clients.stop();
  await server.stop();
}
await redis.stop();
