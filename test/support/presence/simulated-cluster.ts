import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { ResolvedPresenceOptions } from '../../../src/options/resolve-presence.js';
import type { PresenceChange } from '../../../src/presence/store/presence-change.js';
import { RedisPresenceStore } from '../../../src/presence/store/redis-presence-store.js';
import { RedisScripts } from '../../../src/redis/redis-scripts.js';
import { until } from '../until.js';
import { complaintsAbout } from './judge-presence.js';
import { PresenceData } from './presence-data.js';
import { history } from './presence-history.js';
import { PresenceFacts, type Timing } from './presence-facts.js';
import type { PublishedChanges } from './published-changes.js';
import { Standstills } from './standstills.js';
import { SimulatedInstance } from './simulated-instance.js';
import { presenceOptions } from './presence-options.js';

const CALL_TIMEOUT_MS = 150;
const PATIENCE_MS = 20_000;
/** The checks use the connection that the instances share, so frequent checks would delay the awaited result. */
const LOOK_EVERY_MS = 50;

/** Several instances of one cluster on the shared Redis. */
export class SimulatedCluster {
  readonly facts: PresenceFacts;
  readonly slots: (SimulatedInstance | undefined)[];
  private readonly all: SimulatedInstance[] = [];
  private readonly prefix = `test-${randomUUID()}`;
  private readonly data: PresenceData;
  private readonly store: RedisPresenceStore;
  private readonly options: ResolvedPresenceOptions;
  private readonly standstills = new Standstills((from, to) => {
    for (const { id } of this.living) this.facts.trouble(id, from, to);
  });
  private background: Promise<unknown>[] = [];

  constructor(
    private readonly redis: Redis,
    private readonly published: PublishedChanges,
    timing: Timing,
    readonly users: readonly string[],
    size: number,
  ) {
    this.facts = new PresenceFacts(timing);
    this.options = presenceOptions({
      graceMs: timing.graceMs,
      leaseMs: timing.leaseMs,
      heartbeatIntervalMs: timing.heartbeatMs,
      lastSeenMs: 60_000,
    });
    this.data = new PresenceData(redis, this.prefix);
    const heard = (this.facts.published = [] as string[]);
    published.listen(this.prefix, (message) => {
      const { userId, type, at } = JSON.parse(message) as PresenceChange;
      heard.push(`${type} ${userId} ${at}`);
    });
    const scripts = new RedisScripts(redis, 10_000, '');
    this.store = new RedisPresenceStore(scripts, this.prefix, false, this.options);
    this.slots = Array.from({ length: size }, () => undefined);
  }

  /** Starts an instance in an empty place. */
  async start(slot: number): Promise<void> {
    const id = `i${this.all.length}`;
    this.facts.started(id);
    const instance = new SimulatedInstance(
      id,
      this.store,
      this.options,
      this.facts,
      CALL_TIMEOUT_MS,
    );
    this.all.push(instance);
    this.slots[slot] = instance;
    await instance.tracker.start();
  }

  get living(): SimulatedInstance[] {
    return this.slots.filter((instance) => instance !== undefined);
  }

  crash(slot: number): void {
    this.slots[slot]?.crash();
    this.slots[slot] = undefined;
  }

  async close(slot: number): Promise<void> {
    const instance = this.slots[slot];
    this.slots[slot] = undefined;
    await instance?.close();
    // It says good-bye to the others.
    for (const other of this.living) void other.tracker.beat();
  }

  /** @param gapMs how much earlier the publishing connection is restored than the subscribed one */
  mend(instance: SimulatedInstance, gapMs: number): void {
    instance.mend();
    if (gapMs === 0) instance.mended();
    else this.later(gapMs, () => instance.mended());
  }

  /** Redis goes down and comes back without its data. */
  async restart(afterMs: readonly number[]): Promise<void> {
    for (const instance of this.living) instance.cut(false, true);
    const loss = { at: Date.now(), until: Infinity };
    this.facts.losses.push(loss);
    await this.clear();
    const { living } = this;
    let away = living.length;
    const back = (instance: SimulatedInstance): void => {
      this.mend(instance, 3);
      if (--away === 0) loss.until = Date.now();
    };
    for (const [i, instance] of living.entries()) {
      this.later(afterMs[i] ?? 0, () => back(instance));
    }
  }

  later(ms: number, work: () => void): void {
    this.background.push(new Promise((resolve) => setTimeout(resolve, ms)).then(work));
  }

  /** Repairs all faults and waits until nothing is in progress. Then every rule has to hold. */
  async rest(): Promise<void> {
    for (const background of this.background.splice(0)) await background;
    if (this.living.length === 0) await this.start(0);
    for (const instance of this.living) {
      instance.link.delayMs = 0;
      instance.link.timeoutMs = PATIENCE_MS;
      instance.link.loseAnswers(0);
      instance.link.loseCalls(0);
      instance.thaw();
      instance.mend();
      instance.mended();
    }
    let unrest = '';
    try {
      await until(
        async () => {
          await sleep(LOOK_EVERY_MS);
          return (unrest = await this.unrest()) === '';
        },
        () => `rest: ${unrest}`,
        PATIENCE_MS,
      );
    } catch (error) {
      const histories = this.users.flatMap((user) => [user, ...history(this.facts, user)]);
      throw new Error([String(error), ...histories].join('\n'), { cause: error });
    }
    await this.published.heard();
    const complaints = [...complaintsAbout(this.facts), ...(await this.answers())];
    for (const instance of this.living) instance.link.timeoutMs = CALL_TIMEOUT_MS;
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  }

  async discard(): Promise<void> {
    this.standstills.end();
    await Promise.all(this.background);
    for (const instance of this.all) await instance.discard();
    await this.clear();
  }

  private async unrest(): Promise<string> {
    const { living } = this;
    const where = new Map(
      this.users.map((user) => [
        user,
        living.filter((instance) => instance.socketsOf(user) > 0).map(({ id }) => id),
      ]),
    );
    const unrest = await this.data.unrest(
      living.map(({ id }) => id),
      where,
    );
    if (unrest !== '') return unrest;
    for (const { id, tracker, users } of living) {
      if (tracker.size !== users.length) return `${id} keeps something of ${tracker.size} users`;
    }
    return '';
  }

  private async answers(): Promise<string[]> {
    const online = this.facts.usersWithSockets();
    const complaints: string[] = [];
    for (const { id, service } of this.living) {
      const answers = await service.areOnline(this.users);
      for (const user of this.users) {
        if (answers.get(user) !== online.has(user)) complaints.push(`${id} is wrong about ${user}`);
      }
      const count = await service.count();
      if (count !== online.size) complaints.push(`${id} counts ${count}, not ${online.size}`);
      const { userIds } = await service.onlineUsers();
      if (userIds.toSorted().join() !== [...online].toSorted().join()) {
        complaints.push(`${id} lists ${userIds.join()}`);
      }
    }
    return complaints;
  }

  /** The keys of this cluster in Redis. */
  private async clear(): Promise<void> {
    const keys = await this.redis.keys(`${this.prefix}:*`);
    if (keys.length > 0) await this.redis.unlink(...keys);
  }
}
