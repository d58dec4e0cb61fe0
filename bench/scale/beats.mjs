// @ts-check
// The cost of the records of 10, 50, 100 and 1,000 instances for Redis. The instances beat in turns, as fast as Redis answers, on a
// virtual clock that says that a round took as long as `heartbeatIntervalMs`: a busy machine changes nothing.
// `npm run bench:scale`.
import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis } from '../../scripts/redis/server.mjs';
import { newMark } from '../../build/channels/mark.js';
import { RecordBeats } from '../../build/cluster/record-beats.js';
import { encodeDescription } from '../../build/cluster/records/record-text.js';
import { RedisRecords } from '../../build/cluster/records/redis-records.js';
import { RedisScripts } from '../../build/redis/redis-scripts.js';
import { cpuOf } from '../measure/cpu.mjs';

// A long timeout, so that no instance is lost while the machine is busy.
const TIMES = { heartbeatIntervalMs: 2_000, memberTimeoutMs: 600_000 };
const CONNECTIONS = 10;
/** Rounds until all records were read, and rounds that are measured: of twice the changes that are read less often. */
const WARM_ROUNDS = 12;
const ROUNDS = 20;
const MIN_BEATS = 2_000;
/** The number of instances that beat at the same time, so that Redis does not wait for this process. */
const AT_ONCE = 50;
const sizes = (process.argv[2] ?? '10,50,100,1000').split(',').map(Number);

let now = 1_000;
performance.now = () => now;

const redis = await startRedis();
const clients = Array.from({ length: CONNECTIONS }, () => new Redis(redis.url).setMaxListeners(0));
const subscribers = Array.from({ length: CONNECTIONS }, () => new Redis(redis.url));
const admin = new Redis(redis.url);

/** The beats of an instance, and the marks that the instance sends to itself. */
class Member {
  id = randomBytes(8).toString('hex');
  sequence = 0;
  channel = `beats:mark:${this.id}`;

  constructor(/** @type {number} */ index) {
    const client = clients[index % CONNECTIONS];
    this.client = client;
    this.subscriber = subscribers[index % CONNECTIONS];
    const scripts = new RedisScripts(client, 60_000, 'beats:*');
    const limits = { memberTimeoutMs: TIMES.memberTimeoutMs, keptMs: 60_000 };
    this.records = new RedisRecords(scripts, 'beats', this.id, limits);
    this.beats = new RecordBeats(this.records, TIMES);
  }

  async beat(/** @type {number} */ others, /** @type {boolean} */ publishes) {
    if (publishes) this.sequence += 7;
    const head = this.sequence;
    const text = encodeDescription({
      reads: [1, 2],
      host: 'api-7d9c6b5f4d-x2x4q',
      pid: 1,
      startedAt: 1_790_000_000_000,
      sockets: 1_200,
      users: 1_000,
      sequence: head,
      lanes: [{ lane: 1, server: randomId, head, last: head }],
    });
    await this.beats.beat(text, false, others);
    await this.client.publish(this.channel, newMark().bytes);
  }
}
/** An id like the one that Redis gives to each of its runs. */
const randomId = randomBytes(20).toString('hex');

async function stats() {
  const info = await admin.info('stats');
  const field = (/** @type {string} */ name) =>
    Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
  return {
    cpu: await cpuOf(redis.pid ?? 0),
    out: field('total_net_output_bytes'),
    in: field('total_net_input_bytes'),
  };
}

console.log(
  '| Instances | Publish | CPU of Redis a beat, µs | Out a beat, bytes | In a beat, bytes | Core of Redis | Out, KB/s |',
);
console.log('| --- | --- | --- | --- | --- | --- | --- |');
for (const publishes of [false, true]) {
  for (const size of sizes) {
    await admin.flushall();
    const members = Array.from({ length: size }, (_, i) => new Member(i));
    for (const { subscriber, channel } of members) await subscriber?.subscribe(channel);
    const rounds = async (/** @type {number} */ count) => {
      for (let i = 0; i < count; i++) {
        for (let first = 0; first < size; first += AT_ONCE) {
          const some = members.slice(first, first + AT_ONCE);
          now += (TIMES.heartbeatIntervalMs / size) * some.length;
          await Promise.all(some.map((member) => member.beat(size - 1, publishes)));
        }
      }
    };
    await rounds(WARM_ROUNDS);
    const before = await stats();
    const count = Math.max(ROUNDS, Math.ceil(MIN_BEATS / size));
    await rounds(count);
    const after = await stats();
    const beats = count * size;
    const [cpu, out, into] = [
      after.cpu - before.cpu,
      after.out - before.out,
      after.in - before.in,
    ].map((sum) => sum / beats);
    const aSecond = size / (TIMES.heartbeatIntervalMs / 1_000);
    const row = [
      size,
      publishes ? 'all' : 'none',
      cpu?.toFixed(0),
      out?.toFixed(0),
      into?.toFixed(0),
      `${(((cpu ?? 0) * aSecond) / 1e4).toFixed(2)} %`,
      (((out ?? 0) * aSecond) / 1e3).toFixed(1),
    ];
    console.log(`| ${row.join(' | ')} |`);
    for (const { records, subscriber, channel } of members) {
      records.close();
      await subscriber?.unsubscribe(channel);
    }
  }
}
for (const client of [...clients, ...subscribers, admin]) client.disconnect();
await redis.stop();
