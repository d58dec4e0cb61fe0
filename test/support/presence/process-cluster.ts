import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { PresenceChange, RedisPropagatorOptions } from '../../../src/index.js';
import { startOwnRedis, type RunningRedis } from '../own-redis.js';
import { until } from '../until.js';
import { complaintsAbout } from './judge-presence.js';
import { PresenceData } from './presence-data.js';
import { history } from './presence-history.js';
import { PresenceFacts, type Timing } from './presence-facts.js';
import { ProcessInstance } from './process-instance.js';
import { StatusFacts } from './status-facts.js';
import { Standstills } from './standstills.js';

const PATIENCE_MS = 20_000;
const SLOW_MS = 30;

/** Instances in processes, real clients, and a Redis of their own. */
export class ProcessCluster {
  readonly slots: (ProcessInstance | undefined)[];
  facts: PresenceFacts;
  private statuses = new StatusFacts();
  private users: readonly string[] = [];
  private readonly prefix = `test-${randomUUID()}`;
  private readonly data: PresenceData;
  private readonly outside: Redis;
  private readonly standstills: Standstills;
  private readonly pinging: NodeJS.Timeout;
  private readonly starting = new Map<number, Promise<void>>();
  private failure: unknown;

  private constructor(
    private readonly redis: RunningRedis,
    private readonly timing: Timing,
    size: number,
  ) {
    this.facts = new PresenceFacts(timing);
    this.outside = new Redis(redis.url, { retryStrategy: () => 20, maxRetriesPerRequest: 0 });
    this.outside.on('error', () => 'It is away at times.');
    this.data = new PresenceData(this.outside, this.prefix);
    this.slots = Array.from({ length: size }, () => undefined);
    this.standstills = new Standstills((from, to) => this.troubleOfAll(from, to), SLOW_MS);
    this.pinging = setInterval(() => void this.ping(), 25);
  }

  static async start(timing: Timing, size: number): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(await startOwnRedis(), timing, size);
    await Promise.all(cluster.slots.map((_, slot) => cluster.startNow(slot)));
    return cluster;
  }

  get living(): ProcessInstance[] {
    return this.slots.filter((instance) => instance !== undefined);
  }

  /** Begins a new history with new users. */
  begin(users: readonly string[]): void {
    this.facts = new PresenceFacts(this.timing);
    this.statuses = new StatusFacts();
    this.users = users;
  }

  /** The user with this number in the current history. */
  readonly name = (user: number): string => this.users[user] ?? '';

  /** Starts a replacement in the background, which takes a while. */
  async kill(slot: number): Promise<void> {
    await this.take(slot)?.kill();
    this.startInBackground(slot);
  }

  async close(slot: number): Promise<void> {
    await this.take(slot)?.close();
    this.startInBackground(slot);
  }

  async started(slot: number): Promise<void> {
    await this.starting.get(slot);
    if (this.failure !== undefined) throw this.failure;
  }

  async setStatus(instance: ProcessInstance, user: string): Promise<void> {
    await this.statuses.set(user, (status) => instance.call('setStatus', user, status));
  }

  /** Stops Redis for a while and starts it without its data. */
  async restart(awayMs: number): Promise<void> {
    const loss = { at: Date.now(), until: Infinity };
    this.facts.losses.push(loss);
    this.statuses.lost();
    const troubles = this.living.map(({ id }) => this.facts.begin(id, { ofLoss: true }));
    await this.redis.kill();
    await new Promise((resolve) => setTimeout(resolve, awayMs));
    await this.redis.restart();
    await Promise.all(this.living.filter(({ isFrozen }) => !isFrozen).map(reaches));
    loss.until = Date.now();
    for (const trouble of troubles) trouble.to = loss.until + this.timing.heartbeatMs;
  }

  /** Repairs all faults and waits until nothing is in progress. Then every rule has to hold. */
  async rest(): Promise<void> {
    for (const instance of this.living) instance.thaw();
    await Promise.all(this.slots.map((_, slot) => this.started(slot)));
    await Promise.all(this.living.map(reaches));
    let unrest = '';
    try {
      await until(
        async () => (unrest = await this.unrest()) === '',
        () => `rest: ${unrest}`,
        PATIENCE_MS,
      );
    } catch (error) {
      const histories = this.users.flatMap((user) => [user, ...history(this.facts, user)]);
      throw new Error([String(error), ...histories].join('\n'), { cause: error });
    }
    const complaints = [...complaintsAbout(this.facts), ...(await this.answers())];
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  }

  /** Disconnects all clients: nobody is online. */
  async end(): Promise<void> {
    for (const instance of this.living) instance.thaw();
    await Promise.all(this.slots.map((_, slot) => this.started(slot)));
    for (const instance of this.living) instance.disconnectAll();
    await this.rest();
  }

  async discard(): Promise<void> {
    await Promise.allSettled(this.starting.values());
    clearInterval(this.pinging);
    this.standstills.end();
    await Promise.all(this.living.map((instance) => instance.kill()));
    this.outside.disconnect();
    await this.redis.stop();
  }

  private take(slot: number): ProcessInstance | undefined {
    const instance = this.slots[slot];
    this.slots[slot] = undefined;
    return instance;
  }

  private startInBackground(slot: number): void {
    const starting = this.startNow(slot).catch((error: unknown) => {
      this.failure = error;
    });
    this.starting.set(slot, starting);
  }

  private async startNow(slot: number): Promise<void> {
    const { graceMs, leaseMs, heartbeatMs } = this.timing;
    const options: RedisPropagatorOptions = {
      redis: this.redis.url,
      prefix: this.prefix,
      heartbeatIntervalMs: heartbeatMs,
      // Leases decide here when an instance is given up, not membership.
      memberTimeoutMs: 60_000,
      presence: { graceMs, leaseMs },
    };
    this.slots[slot] = await ProcessInstance.start(
      options,
      () => this.facts,
      (change) => this.heard(change),
    );
    this.starting.delete(slot);
  }

  private heard({ type, userId, at, status, instanceId }: PresenceChange): void {
    if (type === 'status') {
      this.statuses.heard(userId, status);
      return;
    }
    if (type === 'offline') this.statuses.offline(userId);
    this.facts.reports.push({ type, user: userId, at, instance: instanceId, heardAt: Date.now() });
  }

  private async unrest(): Promise<string> {
    const { living } = this;
    const of = (user: string): string[] =>
      living.filter((instance) => instance.socketsOf(user) > 0).map(({ id }) => id);
    return this.data.unrest(
      living.map(({ id }) => id),
      new Map(this.users.map((user) => [user, of(user)])),
    );
  }

  private async answers(): Promise<string[]> {
    const online = this.facts.usersWithSockets();
    const perInstance = this.living.map(async (instance) => {
      const answers = await instance.call<Map<string, boolean>>('areOnline', this.users);
      const count = await instance.call<number>('count');
      const { userIds } = await instance.call<{ userIds: string[] }>('onlineUsers');
      const statuses = new Map<string, string | null>();
      for (const user of this.users) {
        statuses.set(user, await instance.call('statusOf', user));
      }
      return [
        ...this.users.filter((user) => answers.get(user) !== online.has(user)),
        ...(count === online.size ? [] : [`counts ${count}, not ${online.size}`]),
        ...(userIds.toSorted().join() === [...online].toSorted().join()
          ? []
          : [`lists ${userIds.join()}`]),
        ...this.statuses.complaintsAbout(online, statuses),
      ].map((complaint) => `asked ${instance.id}: ${complaint}`);
    });
    return (await Promise.all(perInstance)).flat();
  }

  private async ping(): Promise<void> {
    const sentAt = Date.now();
    try {
      await this.outside.ping();
    } catch {
      return;
    }
    if (Date.now() - sentAt > SLOW_MS) this.troubleOfAll(sentAt, Date.now());
  }

  private troubleOfAll(from: number, to: number): void {
    for (const { id } of this.living) this.facts.trouble(id, from, to);
  }
}

/** Waits until an instance reaches Redis. */
async function reaches(instance: ProcessInstance): Promise<void> {
  await until(
    () =>
      instance.call('count').then(
        () => true,
        () => false,
      ),
    () => `instance ${instance.id} to reach Redis`,
  );
}
