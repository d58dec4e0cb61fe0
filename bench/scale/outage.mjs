// @ts-check
// One instance is cut off from Redis while four others publish. With `--stall` Redis stands still for so many seconds when the network is
// back. `npm run bench:scale`.
import { Redis } from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { startRedis } from '../../scripts/redis/server.mjs';
import { startProcess } from '../processes/process-handle.mjs';
import { judge } from './verdict.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '90' },
    rate: { type: 'string', default: '450' },
    bytes: { type: 'string', default: '1000' },
    churn: { type: 'string', default: '0' },
    stall: { type: 'string', default: '0' },
  },
});
const [seconds, rate, bytes, churn, stall] = [
  values.seconds,
  values.rate,
  values.bytes,
  values.churn,
  values.stall,
].map(Number);
const SENDERS = 4;

const redis = await startRedis();
const admin = new Redis(redis.url);
/** @type {Set<import('node:net').Socket>} */
const sockets = new Set();
let isCut = false;
const proxy = createServer((client) => {
  if (isCut) return void client.destroy();
  const upstream = connect(redis.port, redis.host);
  for (const socket of [client, upstream]) {
    sockets.add(socket);
    socket
      .setNoDelay(true)
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
  }
  client.pipe(upstream).pipe(client);
});
await once(proxy.listen(0, '127.0.0.1'), 'listening');
const { port } = /** @type {import('node:net').AddressInfo} */ (proxy.address());

const file = new URL('apps.mjs', import.meta.url);
const senders = [];
for (let i = 0; i < SENDERS; i++) {
  senders.push(
    await startProcess(file, {
      REDIS_URL: redis.url,
      APPS: '1',
      FIRST: String(i),
      ROOM: `sender-${i}`,
    }),
  );
}
const receiver = await startProcess(file, {
  REDIS_URL: `redis://127.0.0.1:${port}`,
  APPS: '1',
  FIRST: String(SENDERS),
  ROOM: 'all',
});

let peakRss = 0;
let peakOmem = 0;
const watching = setInterval(() => {
  receiver.call('status').then(
    ({ rss }) => (peakRss = Math.max(peakRss, rss)),
    () => {},
  );
  admin.client('LIST').then(
    (list) => {
      for (const [, omem] of String(list).matchAll(/omem=(\d+)/g))
        peakOmem = Math.max(peakOmem, Number(omem));
    },
    () => {},
  );
}, 100);

await sleep(3_000);
for (const { call } of senders)
  await call('send', { everyMs: 1_000 / rate, rooms: ['all'], bytes });
await sleep(10_000);
const { rss } = await receiver.call('status');
if (churn > 0) await receiver.call('churn', churn);
isCut = true;
for (const socket of sockets) socket.destroy();
await sleep(seconds * 1_000);
peakOmem = 0;
peakRss = 0;
isCut = false;
if (stall > 0) {
  // Redis takes publishes whose senders have given them up, and the subscriptions of the instance in between.
  process.kill(Number(redis.pid), 'SIGSTOP');
  await sleep(stall * 1_000);
  process.kill(Number(redis.pid), 'SIGCONT');
}
const startedAt = performance.now();
for (let isWhole = false; !isWhole;) {
  await sleep(50);
  ({ whole: isWhole } = await receiver
    .call('status')
    .then((status) => ({ whole: status.whole === 1 })));
  if (performance.now() - startedAt > 300_000) throw new Error('it does not recover');
}
const recoveredMs = Math.round(performance.now() - startedAt);
await sleep(5_000);
for (const { call } of senders) await call('stop');
await receiver.call('stop');
await quiet();
clearInterval(watching);
const reports = (
  await Promise.all([...senders, receiver].map(({ call }) => call('report')))
).flat();
const verdict = judge(reports, () => reports.filter(({ index }) => index === SENDERS));
const { gaps } = reports[SENDERS];
console.log(
  `cut off for ${seconds} s, ${SENDERS} senders at ${rate}/s of ${bytes} bytes, ${churn} joins a second, Redis stands still for ${stall} s: whole after ${recoveredMs} ms; ` +
    `of ${verdict.events} events ${verdict.refused} were refused, ${verdict.lost} lost in an outbox, ${verdict.missing} missing, ${verdict.unexplained} of them in none of ${gaps.length} gaps, ${verdict.twice} twice, ${verdict.outOfOrder} out of order; ` +
    `memory of the instance ${mb(rss)} MB before, ${mb(peakRss)} MB at most; output buffer of a connection ${mb(peakOmem)} MB at most`,
);
console.log(JSON.stringify(gaps.slice(0, 8)));
for (const example of verdict.examples) console.log(example);
await Promise.all([...senders, receiver].map(({ stop }) => stop()));
admin.disconnect();
proxy.close();
await redis.stop();
if (verdict.unexplained + verdict.twice + verdict.outOfOrder > 0) process.exitCode = 1;

/** Resolves once no event waits for Redis, and nothing has arrived for some seconds. */
async function quiet() {
  let received = -1;
  for (let calm = 0; calm < 5; calm++) {
    await sleep(1_000);
    const waiting = await Promise.all(senders.map(({ call }) => call('status')));
    const status = await receiver.call('status');
    const isQuiet = status.received === received && status.whole === 1;
    if (!isQuiet || waiting.some((each) => each.waiting > 0)) calm = 0;
    received = status.received;
  }
}

function mb(/** @type {number} */ size) {
  return (size / 1e6).toFixed(1);
}
