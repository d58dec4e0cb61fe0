// @ts-check
// The cost of the option `recovery` while many clients reconnect: the same storms with and without it, in turns.
// `npm run bench:reconnects`.
import { Redis } from 'ioredis';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startRedis } from '../../scripts/redis/server.mjs';
import { named } from '../contestants/contestant.mjs';
import { Setting } from '../measure/setting.mjs';
import { startProcess } from '../processes/process-handle.mjs';

const CLIENTS = new URL('../processes/returning-clients.mjs', import.meta.url);
/** One more publishes, and has no clients. */
const INSTANCES = 3;
/** A process may have some 20,000 files open. */
const CLIENTS_PER_PROCESS = 6_500;
const AT_ONCE = 50;
/** Events of `emitToUser`, to one client after the other, and of `emitToAll`. */
const [TO_USERS, TO_ALL] = [500, 1];
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '25000' },
    /** The time in which all clients lose their connections; 0: all at once. */
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '2' },
  },
});
const [count, seconds, rounds] = [values.clients, values.seconds, values.rounds].map(Number);

/** Instances with clients, with or without the option. */
class Stage {
  /** @type {import('../processes/process-handle.mjs').ProcessHandle[]} */
  processes = [];
  /** @type {string[][]} */
  users = [];

  /** @param {import('../contestants/contestant.mjs').Entry} entry @param {Setting} setting @param {Redis} admin @param {() => Promise<void>} stopRedis */
  constructor(entry, setting, admin, stopRedis) {
    this.entry = entry;
    this.setting = setting;
    this.admin = admin;
    this.stopRedis = stopRedis;
  }

  /** @param {import('../contestants/contestant.mjs').Entry} entry @param {number} place */
  static async start(entry, place) {
    const redis = await startRedis();
    const bench = {
      redis: { url: redis.url, pid: redis.pid ?? 0 },
      clients: /** @type {any} */ (null),
    };
    const setting = new Setting(entry, bench, {
      env: { RECOVERY: 'on' },
      execArgv: [...process.execArgv, '--expose-gc'],
    });
    await setting.grow(INSTANCES + 1);
    const stage = new Stage(entry, setting, new Redis(redis.url), () => redis.stop());
    for (let first = 0; first < count; first += CLIENTS_PER_PROCESS) {
      const address = `127.0.${place + 1}.${stage.processes.length + 1}`;
      const clients = await startProcess(CLIENTS, { LOCAL_ADDRESS: address });
      await clients.call('instances', setting.urls.slice(1));
      const users = Array.from(
        { length: Math.min(CLIENTS_PER_PROCESS, count - first) },
        (_, i) => `user-${first + i}`,
      );
      stage.processes.push(clients);
      stage.users.push(users);
    }
    await stage.all('connect', (process) => [
      (stage.users[process] ?? []).map((user, i) => ({ user, instance: i % INSTANCES })),
      AT_ONCE,
    ]);
    // A client can be recovered only after an event.
    const names = stage.users.flat();
    for (let first = 0; first < names.length; first += 1_000) {
      await setting.publisher.call('sendNumbered', names.slice(first, first + 1_000), 0);
    }
    await sleep(1_000);
    return stage;
  }

  /** @param {string} name @param {(process: number) => unknown[]} [argsOf] */
  all(name, argsOf = () => []) {
    return Promise.all(this.processes.map((process, i) => process.call(name, ...argsOf(i))));
  }

  get instances() {
    return this.setting.instances.slice(1);
  }

  /** Memory of the instances with clients together, after a garbage collection. */
  async heap() {
    const found = await Promise.all(this.instances.map(({ call }) => call('memory')));
    return found.reduce((sum, { heap }) => sum + heap, 0) / MIB;
  }

  /** The calls of Redis's commands so far, by name. @returns {Promise<Map<string, number>>} */
  async commands() {
    const stats = await this.admin.info('commandstats');
    const found = stats.matchAll(/cmdstat_(\S+?):calls=(\d+)/g);
    return new Map(Array.from(found, ([, name = '', calls]) => [name, Number(calls)]));
  }

  /** All clients lose their connections and come back. */
  async storm() {
    const { setting, instances } = this;
    await this.all('begin');
    const heapBefore = await this.heap();
    await Promise.all(instances.map(({ pid }) => writeFile(`/proc/${pid}/clear_refs`, '5')));
    const rssBefore = await rssOf(instances, 'VmRSS');
    const before = await Promise.all(instances.map(({ call }) => call('recovery')));
    const commandsBefore = await this.commands();
    const startedAt = performance.now();
    let sent = 0;
    const used = await setting.measured(async () => {
      await setting.publisher.call('sendNumbered', this.users.flat(), TO_USERS);
      const lost = this.all('loseAll', () => [seconds * 1_000]);
      const toAll = {
        to: 'all',
        names: [],
        count: Math.max(3, seconds) * TO_ALL,
        perSecond: TO_ALL,
      };
      await Promise.all([lost, setting.publisher.call('publish', toAll)]);
      await this.all('back');
      sent = await setting.publisher.call('stopNumbered');
    });
    const tookMs = performance.now() - startedAt;
    const commands = [...(await this.commands())]
      .map(([name, calls]) => ({ name, calls: calls - (commandsBefore.get(name) ?? 0) }))
      .filter(({ calls }) => calls > count / 20)
      .map(({ name, calls }) => `${name} ${calls}`);
    const rss = (await rssOf(instances, 'VmHWM')) - rssBefore;
    const heap = (await this.heap()) - heapBefore;
    const after = await Promise.all(instances.map(({ call }) => call('recovery')));
    const offsets = this.users.map((_, i) => this.users.slice(0, i).flat().length);
    const judged = await this.all('judge', (process) => [
      (this.users[process] ?? []).map((_, i) =>
        Math.ceil(Math.max(0, sent - (offsets[process] ?? 0) - i) / count),
      ),
    ]);
    const sum = (/** @type {string} */ key) => judged.reduce((all, one) => all + one[key], 0);
    /** @type {Record<string, number>} */
    const reasons = {};
    for (const [i, state] of after.entries()) {
      for (const [reason, number] of Object.entries(state?.failures ?? {})) {
        const times = Number(number) - (before[i]?.failures[reason] ?? 0);
        if (times > 0) reasons[reason] = (reasons[reason] ?? 0) + times;
      }
    }
    return {
      tookMs,
      cpu: used.subscribers / 1e6,
      redis: used.redis / 1e6,
      commands,
      rss,
      heap,
      events: bytesOf(after) - bytesOf(before),
      reconnects: sum('reconnects'),
      recovered: sum('recovered'),
      missed: sum('expected') - sum('delivered'),
      faults: sum('missed') + sum('twice') + sum('outOfOrder') + sum('foreign'),
      reasons,
    };
  }

  async close() {
    await this.all('leave');
    await Promise.all(this.processes.map(({ stop }) => stop()));
    await Promise.all(this.setting.instances.map(({ stop }) => stop()));
    this.admin.disconnect();
    await this.stopRedis();
  }
}

/** The events that instances keep, in MiB. @param {any[]} states */
function bytesOf(states) {
  return states.reduce((sum, state) => sum + (state?.bytes ?? 0), 0) / MIB;
}

/** A field of processes together, in MiB. @param {{ pid: number }[]} processes @param {'VmRSS' | 'VmHWM'} field */
async function rssOf(processes, field) {
  const found = await Promise.all(
    processes.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)?.[1]);
    }),
  );
  return found.reduce((sum, kib) => sum + kib, 0) / 1_024;
}

console.log(
  `${count} clients on ${INSTANCES} instances lose their connections ${seconds === 0 ? 'at once' : `within ${seconds} s`}, and come back to other instances after 0.5 to 1.5 s`,
);
const stages = [];
for (const [place, entry] of named('no-recovery', 'library').entries()) {
  stages.push(await Stage.start(entry, place));
}
let faults = 0;
for (let round = 1; round <= (rounds ?? 1); round++) {
  const [off, on] = [await stages[0]?.storm(), await stages[1]?.storm()];
  for (const [label, one] of Object.entries({ off, on })) {
    if (one === undefined) continue;
    faults += one.faults;
    console.log(
      `round ${round}, ${label}: ${(one.tookMs / 1_000).toFixed(1)} s; CPU of the instances ${one.cpu.toFixed(2)} s, of Redis ${one.redis.toFixed(2)} s; Redis: ${one.commands.join(', ')}; peak RSS +${one.rss.toFixed(0)} MiB, heap afterwards +${one.heap.toFixed(1)} MiB, ${one.events.toFixed(1)} MiB of it kept events; ${one.recovered} of ${one.reconnects} recovered ${JSON.stringify(one.reasons)}, ${one.missed} events missed, ${one.faults} faults`,
    );
  }
  if (off === undefined || on === undefined) continue;
  console.log(
    `round ${round}, difference: CPU ${(on.cpu - off.cpu).toFixed(2)} s of the instances (${(on.cpu / off.cpu).toFixed(2)} times), ${(on.redis - off.redis).toFixed(2)} s of Redis; peak RSS ${(on.rss - off.rss).toFixed(0)} MiB, heap ${(on.heap - off.heap).toFixed(1)} MiB`,
  );
}
for (const stage of stages) await stage.close();
if (faults > 0) process.exitCode = 1;
