import { setTimeout as sleep } from 'node:timers/promises';
import { judge, ReturningAudience, sentBy, type Sent } from '../../faults/returning-audience.js';
import { Instance } from '../../faults/instance.js';
import type { Report } from '../../faults/protocol.js';
import type { Judgement } from '../../support/delivery-record.mjs';
import { startOwnRedis, type RunningRedis } from '../../support/own-redis.js';
import type { ReturningClient } from '../../support/returning-client.js';
import { until } from '../../support/until.js';

/** Instances with clients. One more has none, and is killed only when all end. */
const HOSTS = 2;
const PUBLISHER = HOSTS;
const CLIENTS = 6;
const EVERY_MS = 10;
const AWAY_MS = 150;
/** How long missing events are waited for. */
const PATIENCE_MS = 30_000;

export type Step =
  | { readonly do: 'drop' | 'standStill'; readonly client: number }
  | { readonly do: 'move'; readonly client: number; readonly to: number }
  | { readonly do: 'dropAll' | 'drain' | 'kill'; readonly host: number }
  | { readonly do: 'freeze'; readonly instance: number; readonly ms: number }
  | { readonly do: 'restartRedis'; readonly ms: number }
  /** All instances end at once, and others begin. One of them may be killed meanwhile. */
  | { readonly do: 'endAll'; readonly killed: number | undefined }
  | { readonly do: 'wait'; readonly ms: number };

/** Steps that delay events. */
const DELAYS: ReadonlySet<Step['do']> = new Set(['restartRedis', 'freeze']);

interface Slot {
  instance: Instance;
  sender: number;
  /** The number of events that the instance had sent when the schedule began. */
  from: number;
  busy: boolean;
}

/** An instance that has ended, with its last report unless it was killed. */
interface Past extends Pick<Slot, 'sender' | 'from'> {
  readonly id: string;
  readonly report: Report | undefined;
}

/** Real instances, a real Redis and clients, which go through one random schedule after the other. */
export class RandomStage {
  private slots: Slot[] = [];
  private readonly past: Past[] = [];
  private readonly underway = new Set<Promise<void>>();
  private audience: ReturningAudience | undefined;
  private senders = 0;

  private constructor(private readonly redis: RunningRedis) {}

  static async start(): Promise<RandomStage> {
    const stage = new RandomStage(await startOwnRedis());
    stage.slots = await Promise.all(Array.from({ length: HOSTS + 1 }, () => stage.newSlot()));
    return stage;
  }

  async close(): Promise<void> {
    await this.audience?.close();
    await Promise.all(this.slots.map(({ instance }) => instance.end()));
    await this.redis.stop();
  }

  /** Plays a schedule with new clients. Resolves to what each of them received, and what was sent to it. */
  async play(steps: readonly Step[]): Promise<Judgement[]> {
    const audience = await this.begin();
    try {
      for (const step of steps) {
        await this.take(audience, step);
        await sleep(20);
      }
      await this.allUnderway();
      await Promise.all(audience.clients.map((client) => client.connected()));
      return await this.end(audience);
    } finally {
      await this.allUnderway();
      await audience.close();
      this.audience = undefined;
    }
  }

  private async begin(): Promise<ReturningAudience> {
    this.past.length = 0;
    const urls = this.slots.slice(0, HOSTS).map(({ instance }) => instance.url);
    const audience = await ReturningAudience.at(urls, { count: CLIENTS, awayMs: AWAY_MS });
    this.audience = audience;
    audience.balancer.isReady = (host) => this.slots[host]?.busy === false;
    for (const slot of this.slots) {
      slot.from = (await slot.instance.report()).sent;
      slot.instance.send(EVERY_MS);
    }
    // A client can be recovered from its first event on.
    await until(
      () => audience.clients.every(({ record }) => record.count > 0),
      () => 'an event for each client',
    );
    return audience;
  }

  private async take(audience: ReturningAudience, step: Step): Promise<void> {
    const { balancer, clients } = audience;
    switch (step.do) {
      case 'wait':
        await sleep(step.ms);
        break;
      case 'drop':
        balancer.cut(({ name }) => name === clients[step.client]?.user);
        break;
      case 'standStill':
        balancer.standStill(({ name }) => name === clients[step.client]?.user);
        clients[step.client]?.socket.io.engine?.close();
        break;
      case 'move': {
        const { user = '' } = clients[step.client] ?? {};
        balancer.sendTo(user, step.to);
        balancer.cut(({ name }) => name === user);
        // Later sessions of the client may go to any instance, also if this one cannot begin.
        this.inBackground(async () => {
          await sleep(2 * AWAY_MS);
          balancer.sendTo(user);
        });
        break;
      }
      case 'dropAll':
        balancer.cut(({ instance }) => instance === step.host);
        break;
      case 'drain':
        this.withSlot(step.host, (slot) => this.drain(slot));
        break;
      case 'kill':
        this.withSlot(step.host, (slot) => this.kill(slot));
        break;
      case 'endAll':
        this.endAll(step.killed);
        break;
      case 'freeze': {
        const slot = this.slots[step.instance];
        if (slot === undefined || slot.busy) return;
        slot.busy = true;
        slot.instance.freeze();
        this.inBackground(async () => {
          await sleep(step.ms);
          slot.instance.thaw();
          slot.busy = false;
        });
        break;
      }
      case 'restartRedis':
        await this.redis.kill();
        await sleep(step.ms);
        await this.redis.restart();
        break;
    }
  }

  private async kill(slot: Slot): Promise<void> {
    await slot.instance.end();
    this.remember(slot, undefined);
  }

  private endAll(killed: number | undefined): void {
    if (this.slots.some(({ busy }) => busy)) return;
    for (const slot of this.slots) slot.busy = true;
    this.inBackground(async () => {
      await Promise.all(
        this.slots.map((slot, i) => (i === killed ? this.kill(slot) : this.drain(slot))),
      );
      await Promise.all(this.slots.map((_, i) => this.fill(i)));
    });
  }

  private async drain(slot: Slot): Promise<void> {
    slot.instance.stop();
    const report = await slot.instance.report();
    await slot.instance.terminate();
    this.remember(slot, report);
  }

  private remember({ sender, from, instance: { id } }: Slot, report: Report | undefined): void {
    this.past.push({ sender, from, id, report });
  }

  /** Ends the instance of a slot, and starts another one in its place, while the schedule goes on. */
  private withSlot(host: number, end: (slot: Slot) => Promise<void>): void {
    const slot = this.slots[host];
    const others = this.slots.slice(0, HOSTS).filter((other) => other !== slot);
    // Clients need an instance.
    if (slot === undefined || slot.busy || others.every(({ busy }) => busy)) return;
    slot.busy = true;
    this.inBackground(async () => {
      await end(slot);
      await this.fill(host);
    });
  }

  /** Starts an instance in a slot. */
  private async fill(index: number): Promise<void> {
    const next = await this.newSlot();
    next.instance.send(EVERY_MS);
    this.slots[index] = next;
    if (index < HOSTS && this.audience !== undefined) {
      this.audience.balancer.instances[index] = next.instance.url;
    }
  }

  private inBackground(work: () => Promise<void>): void {
    const done = work().finally(() => this.underway.delete(done));
    this.underway.add(done);
  }

  private async allUnderway(): Promise<void> {
    while (this.underway.size > 0) await Promise.all(this.underway);
  }

  private async newSlot(): Promise<Slot> {
    const sender = this.senders++;
    const instance = await Instance.start('library', {
      sender,
      redis: { url: this.redis.url },
      options: {
        recovery: { persist: true },
        requestTimeoutMs: 2_000,
        shutdown: { drainMs: 1_000 },
      },
    });
    return { instance, sender, from: 0, busy: false };
  }

  /** Sends a little longer, waits for what is missing, and judges each client. */
  private async end({ clients }: ReturningAudience): Promise<Judgement[]> {
    await sleep(1_000);
    for (const { instance } of this.slots) instance.stop();
    const judgeAll = async (): Promise<Judgement[]> => {
      const sent = await this.sent(clients);
      return clients.map((client, index) => judge(client, index, sent));
    };
    let judgements: Judgement[] = [];
    await until(
      async () => {
        const reports = await Promise.all(this.slots.map(({ instance }) => instance.report()));
        judgements = await judgeAll();
        return (
          reports.every(({ pending }) => pending === 0) &&
          judgements.every(({ missed }) => missed === 0)
        );
      },
      () => 'all events',
      PATIENCE_MS,
    ).catch(() => 'the judgements say what is missing');
    // Events that would come twice come now.
    await sleep(200);
    judgements = await judgeAll();
    this.tell(clients, judgements);
    return judgements;
  }

  /** Explains the faults. */
  private tell(clients: readonly ReturningClient[], judgements: readonly Judgement[]): void {
    for (const [i, { record, user }] of clients.entries()) {
      const { twice, outOfOrder, foreign, missed, repeated } = judgements[i]!;
      if (twice + outOfOrder + foreign + missed + repeated === 0) continue;
      process.stderr.write(`${user}: ${JSON.stringify(judgements[i])}\n${record.story()}\n`);
    }
  }

  /** The events of all instances, those that have ended included. */
  private async sent(clients: readonly ReturningClient[]): Promise<Sent[]> {
    const reports = await Promise.all(this.slots.map(({ instance }) => instance.report()));
    const current = this.slots.map(({ instance: { id }, sender, from }, i) => ({
      sender,
      from,
      id,
      report: reports[i],
    }));
    return [...current, ...this.past].map(({ report, ...of }) => {
      if (report !== undefined) return sentBy(report, of, reports);
      const stream = `${of.sender}:`;
      const sent = Math.max(0, ...clients.map(({ record }) => record.highestOf(stream)));
      return sentBy({ sent, rejected: [], isKilled: true }, of, reports);
    });
  }
}

export const HOST_COUNT = HOSTS;
export const INSTANCE_COUNT = PUBLISHER + 1;
export const CLIENT_COUNT = CLIENTS;

/** The judgement that each client has to have, however many events it missed in its new connections. */
export function withoutFault(judgement: Judgement, steps: readonly Step[]): Judgement {
  const clean = { ...judgement, twice: 0, outOfOrder: 0, foreign: 0, missed: 0 };
  // Events that waited for Redis may reach a client that received them from their sender, and has moved since.
  return steps.some((step) => DELAYS.has(step.do)) ? clean : { ...clean, repeated: 0 };
}
