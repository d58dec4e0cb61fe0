// @ts-check
import { setTimeout as sleep } from 'node:timers/promises';
import { named } from '../contestants/contestant.mjs';
import { Setting } from '../measure/setting.mjs';
import { ratios, summary } from '../measure/statistics.mjs';
import { ratioOf, tableOf } from '../measure/table.mjs';
import { checkOpenFiles, ClientGroup } from '../processes/client-group.mjs';

const ENTRIES = ['library', 'no-recovery', 'redis-adapter', 'sharded-adapter', 'streams-adapter'];
/** Instances with clients. One more publishes, and has none. */
const INSTANCES = 3;
const AT_ONCE = 100;
const AWAY_MS = 2_000;
/** Clients of an instance in an avalanche; `BENCH_AVALANCHE` sets another number. */
const { BENCH_AVALANCHE = '5000' } = process.env;

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {number} clients
 * @property {number} perSecond events to each client
 * @property {(stage: Stage) => Promise<void>} play
 */

/** @typedef {import('../../test/support/delivery-record.mjs').Judgement & { cpu: number }} Found */

const SIZES = {
  full: {
    rounds: 3,
    seconds: 25,
    jitter: 1_000,
    avalanche: Number(BENCH_AVALANCHE),
    rate: 1_000,
    deploy: 150,
  },
  quick: { rounds: 1, seconds: 10, jitter: 300, avalanche: 1_000, rate: 1_000, deploy: 60 },
  check: { rounds: 1, seconds: 3, jitter: 50, avalanche: 60, rate: 100, deploy: 12 },
};

/** `rate` is the number of events of an avalanche in a second. @param {import('./all.mjs').Bench['size']} size @returns {Case[]} */
function casesOf(size) {
  const { seconds, jitter, avalanche, deploy, rate } = SIZES[size];
  return [
    {
      name: 'moves',
      clients: 21,
      perSecond: 20,
      // Each client is away for 2 s of 5.
      play: async (stage) => {
        for (let second = 0; second < seconds; second++) {
          await stage.lose(stage.places.filter((place) => place % 5 === second % 5));
          await sleep(1_000);
        }
      },
    },
    {
      name: 'jitter',
      clients: jitter,
      perSecond: 1,
      play: async (stage) => {
        const share = Math.ceil(jitter / 100);
        for (let second = 0; second < seconds; second++) {
          // Different clients lose their connections each second.
          const from = (second * share * 7) % jitter;
          await stage.lose(stage.places.slice(from, from + share));
          await sleep(1_000);
        }
      },
    },
    {
      name: 'avalanche',
      clients: INSTANCES * avalanche,
      perSecond: rate / (INSTANCES * avalanche),
      play: async (stage) => {
        await sleep(2_000);
        await stage.loseAllOf(0);
        await stage.back();
        await sleep(2_000);
      },
    },
    {
      name: 'deploy',
      clients: deploy,
      perSecond: 5,
      play: async (stage) => {
        for (let instance = 0; instance < INSTANCES; instance++) {
          await sleep(1_000);
          await stage.restart(instance);
          await stage.back();
        }
        await sleep(1_000);
      },
    },
  ];
}

/** Clients lose their connections while events are sent to them. @type {import('./all.mjs').Scenario} */
export const drops = {
  name: 'drops',
  async run(bench) {
    const { rounds } = SIZES[bench.size];
    const table = tableOf(
      'drops',
      'Clients that lose their connections while events are sent to them',
      '% of the events that never arrive',
      `${INSTANCES} instances with clients and one more that sends an event to one user after the other, with the ` +
        "option `recovery`, or Socket.IO's connection state recovery in its adapters. " +
        'A client comes back to another instance. Moves: 21 clients, each away for 2 s ' +
        'of 5. Jitter: each second 1 % of the clients lose 2 s. Avalanche: all clients of an instance at once, which ' +
        'come back within 0.5 to 1.5 s. Deploy: the instances restart one after the other. Recovered: the share of ' +
        'the reconnects after which the client was told that nothing is missing. Missed without notice: events that are missing ' +
        'in a connection, or between it and one that was recovered. CPU time includes the reconnects.',
    );
    // A check needs the contestants that can recover.
    const entries = named(...(bench.size === 'check' ? ['library', 'streams-adapter'] : ENTRIES));
    for (const one of casesOf(bench.size)) {
      /** @type {Found[][]} */
      const found = entries.map(() => []);
      for (let round = 0; round < rounds; round++) {
        await bench.admin.flushall();
        const play = async (
          /** @type {import('../contestants/contestant.mjs').Entry} */ entry,
          /** @type {number} */ i,
        ) => found[i]?.push(await playOnce(bench, entry, one));
        // A check has no figures of CPU time, so the contestants need not take turns.
        if (bench.size === 'check') await Promise.all(entries.map(play));
        else for (const [i, entry] of entries.entries()) await play(entry, i);
      }
      addRows(table, one, entries, found);
    }
    return [table];
  },
};

const cpuOf = (/** @type {Found[]} */ rounds) => rounds.map(({ cpu }) => cpu);

/**
 * @param {import('../measure/table.mjs').Table} table
 * @param {Case} one
 * @param {import('../contestants/contestant.mjs').Entry[]} entries
 * @param {Found[][]} found
 */
function addRows(table, { name, clients }, entries, found) {
  const title = `${name}, ${clients.toLocaleString('en-US')} clients`;
  for (const [i, entry] of entries.entries()) {
    const rounds = found[i] ?? [];
    const sum = (/** @type {keyof Found} */ key) => rounds.reduce((all, one) => all + one[key], 0);
    const cpu = summary(rounds.map((one) => one.cpu)).median;
    table.rows.push({
      case: title,
      contestant: { id: entry.id, label: entry.label, kind: entry.kind },
      value: summary(
        rounds.map(({ expected, delivered }) => (100 * (expected - delivered)) / expected),
      ),
      parts: {
        events: sum('expected').toLocaleString('en-US'),
        twice: String(sum('twice') + sum('repeated')),
        'out of order': String(sum('outOfOrder')),
        'recovered, %': (100 * sum('recovered')) / sum('reconnects'),
        reconnects: sum('reconnects').toLocaleString('en-US'),
        'missed without notice': String(sum('missed')),
        ...(Number.isNaN(cpu) ? {} : { 'CPU µs per event': cpu }),
      },
    });
  }
  const streams = entries.findIndex(({ id }) => id === 'streams-adapter');
  const [library = []] = found;
  const compared = ratios(cpuOf(library), cpuOf(found[streams] ?? []));
  if (Number.isFinite(compared.median)) {
    table.ratios.push(
      ratioOf(title, 'CPU per event, this library / redis-streams-adapter', compared),
    );
  }
}

/**
 * @param {import('./all.mjs').Bench} bench
 * @param {import('../contestants/contestant.mjs').Entry} entry
 * @param {Case} one
 * @returns {Promise<Found>}
 */
async function playOnce(bench, entry, { name, clients, perSecond, play }) {
  const stage = new Stage(bench, entry, clients);
  try {
    await stage.set();
    /** @type {number} */
    let sent = 0;
    const start = performance.now();
    const { total } = await stage.setting.measured(async () => {
      await stage.setting.publisher.call('sendNumbered', stage.users, perSecond * clients);
      await play(stage);
      sent = await stage.setting.publisher.call('stopNumbered');
      await stage.back();
    });
    const wanted = ((performance.now() - start) / 1_000) * perSecond * clients;
    if (sent < wanted / 2) throw new Error(`${sent} events were sent instead of ${wanted}`);
    const each = stage.places.map((place) => Math.ceil(Math.max(0, sent - place) / clients));
    const judgement = await stage.clients.judge(each);
    if (judgement.expected !== sent) throw new Error(`${judgement.expected} of ${sent} are judged`);
    if (judgement.foreign > 0) throw new Error(`${judgement.foreign} events for somebody else`);
    if (judgement.reconnects < stage.lost) {
      throw new Error(`${judgement.reconnects} reconnects after ${stage.lost} lost connections`);
    }
    if (stage.lost === 0) throw new Error(`no client lost its connection: ${name}`);
    return { ...judgement, cpu: stage.restarted ? NaN : total / sent };
  } catch (error) {
    throw new Error(`${entry.label}, ${name}`, { cause: error });
  } finally {
    await stage.strike();
  }
}

/** The instances of a contestant and their clients. */
class Stage {
  lost = 0;
  restarted = false;
  /** @type {ClientGroup | undefined} */
  started;

  /**
   * @param {import('./all.mjs').Bench} bench
   * @param {import('../contestants/contestant.mjs').Entry} entry
   * @param {number} count of the clients
   */
  constructor(bench, entry, count) {
    this.setting = new Setting(entry, bench, { env: { RECOVERY: 'on' } });
    this.places = Array.from({ length: count }, (_, i) => i);
    this.users = this.places.map((place) => `user-${place}`);
  }

  async set() {
    // The clients of an instance that drops out come to the others.
    await checkOpenFiles(this.places.length / (INSTANCES - 1));
    this.started = await ClientGroup.start(this.places.length);
    // The first one publishes.
    await this.setting.grow(INSTANCES + 1);
    await this.clients.all('instances', () => [this.urls]);
    const wanted = this.users.map((user, i) => ({ user, instance: i % INSTANCES }));
    await this.clients.each('connect', wanted, AT_ONCE);
    // A client can be recovered only after an event, and not all contestants say when a user can be reached.
    for (const end = Date.now() + 60_000; (await this.clients.sum('cold')) > 0;) {
      if (Date.now() > end) throw new Error('not all clients are reached');
      await this.setting.publisher.call('sendNumbered', this.users, 0);
      await sleep(500);
    }
    await sleep(1_000);
    await this.clients.all('begin');
  }

  get clients() {
    if (this.started === undefined) throw new Error('no clients run');
    return this.started;
  }

  get urls() {
    return this.setting.urls.slice(1);
  }

  /** @param {number[]} places */
  async lose(places) {
    this.lost += await this.clients.lose(places, AWAY_MS);
  }

  /** @param {number} instance */
  async loseAllOf(instance) {
    this.lost += await this.clients.lose(await this.clients.placesAt(instance));
  }

  back() {
    return this.clients.all('back');
  }

  /** Ends an instance as in a deploy, and starts it again. @param {number} instance */
  async restart(instance) {
    this.restarted = true;
    this.lost += (await this.clients.placesAt(instance)).length;
    await this.clients.all('instances', () => [
      this.urls.map((url, i) => (i === instance ? null : url)),
    ]);
    await this.setting.restart(instance + 1);
    await this.clients.all('instances', () => [this.urls]);
  }

  async strike() {
    await this.started?.stop();
    await this.setting.close();
  }
}
