import { Ledger, type Verdict } from './ledger.js';
import { SimulatedInstance } from './simulated-instance.js';
import { SimulatedRedis } from './simulated-redis.js';
import type { VirtualClock } from './virtual-clock.js';

/** A sender sends an event to another instance at this interval, in ms. */
const SENDS_EVERY_MS = 1_000;
/** A member that was cut off may be found lost by others that come back at the same moment, in ms. */
const GRACE_MS = 5_000;
/** The precision with which the start of a state is measured, in ms. */
const STEP_MS = 50;
/** A state that is not reached within this time never will be, in ms. */
const PATIENCE_MS = 120_000;

/** The work of an instance in one second. */
export interface Load {
  readonly commands: number;
  readonly messages: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  readonly cpuMs: number;
}

interface WorldOptions {
  /** One of so many instances sends events. */
  readonly senderEach: number;
  /** Called with each state that is there, and the time that it took in virtual ms. */
  readonly says?: ((what: string, ms: number) => void) | undefined;
}

/** Many instances at one Redis, on a virtual clock. */
export class World {
  readonly instances: SimulatedInstance[] = [];
  readonly redis: SimulatedRedis;
  readonly ledger = new Ledger();
  /** Members that were declared lost although they lived and could be heard. */
  falseLosses = 0;
  /** The instances with sockets, which receive events. */
  private audience: SimulatedInstance[] = [];
  private sends = true;

  constructor(
    readonly clock: VirtualClock,
    private readonly options: WorldOptions,
  ) {
    this.redis = new SimulatedRedis(clock);
  }

  get living(): SimulatedInstance[] {
    return this.instances.filter(({ state }) => state === 'running');
  }

  /** Starts instances, within some time. */
  join(count: number, withinMs: number): SimulatedInstance[] {
    const { clock } = this;
    return Array.from({ length: count }, () => {
      const instance = new SimulatedInstance(this.instances.length, this.redis, this.ledger);
      this.instances.push(instance);
      clock.after(clock.random() * withinMs, instance.owner, () => {
        void instance
          .start((id) => this.lost(id))
          .then(() => {
            this.audience.push(instance);
            if (instance.index % this.options.senderEach === 0) this.sendLater(instance);
          });
      });
      return instance;
    });
  }

  /** Chooses living instances at random. */
  some(count: number): SimulatedInstance[] {
    const rest = this.living;
    return Array.from(
      { length: count },
      () => rest.splice(Math.floor(this.clock.random() * rest.length), 1)[0] as SimulatedInstance,
    );
  }

  end(instances: readonly SimulatedInstance[], withinMs: number): void {
    const { clock } = this;
    for (const instance of instances) {
      clock.after(clock.random() * withinMs, instance.owner, () => void instance.end());
    }
  }

  /** Freezes some instances for a while, and slows down the messages of others for 10 s. */
  async hinder(
    count: number,
    { freezeMs, slowMs }: { readonly freezeMs: number; readonly slowMs: number },
  ): Promise<void> {
    const { clock } = this;
    for (const { owner } of this.some(count)) {
      owner.frozenUntil = clock.now + freezeMs * clock.random();
    }
    const slow = this.some(count);
    for (const { connection } of slow) connection.delayMs = slowMs;
    await clock.run(10_000);
    for (const { connection } of slow) connection.delayMs = 0;
  }

  /** Cuts these instances off from Redis: no message passes. */
  cut(instances: readonly SimulatedInstance[], ms: number): void {
    for (const instance of instances) {
      instance.unheardUntil = this.clock.now + ms;
      instance.connection.cut(ms);
    }
  }

  /** Stops sending events. */
  hush(): void {
    this.sends = false;
  }

  run(ms: number): Promise<void> {
    return this.clock.run(ms);
  }

  /** Whether each living instance knows the other living instances, and no more. */
  get isOne(): boolean {
    const { living } = this;
    return living.every(({ memberCount }) => memberCount === living.length - 1);
  }

  /** True once each living instance hears everything, and has no question left. */
  get isWhole(): boolean {
    return this.living.every((instance) => instance.isWhole);
  }

  /** Runs until a state is there. Resolves to the time that it took, in ms. */
  async until(what: string, isThere: () => boolean): Promise<number> {
    const { clock } = this;
    const startedAt = clock.now;
    while (!isThere()) {
      if (clock.now - startedAt > PATIENCE_MS) {
        const counts = this.living.map(({ memberCount }) => memberCount);
        throw new Error(
          `not within ${PATIENCE_MS} ms: ${what}; of ${this.living.length} instances each knows ${Math.min(...counts)} to ${Math.max(...counts)} others`,
        );
      }
      await clock.run(STEP_MS);
    }
    const tookMs = Math.round(clock.now - startedAt);
    this.options.says?.(what, tookMs);
    return tookMs;
  }

  /** Measures the work of an instance in one second, on average over some time. */
  async measure(ms: number): Promise<Load> {
    const { living, clock } = this;
    const sum = (): number[] => {
      const all = living.map(({ connection: { traffic }, owner: { busyMs } }) => [
        traffic.commands,
        traffic.messages,
        traffic.bytesOut,
        traffic.bytesIn,
        busyMs,
      ]);
      return [0, 1, 2, 3, 4].map((i) => all.reduce((total, each) => total + (each[i] ?? 0), 0));
    };
    const before = sum();
    const busyBefore = clock.busyMs;
    const cpuBefore = process.cpuUsage();
    await this.run(ms);
    const cpu = process.cpuUsage(cpuBefore);
    // On a busy machine all owners take longer than their CPU time, by the same factor.
    const factor = (cpu.user + cpu.system) / 1_000 / (clock.busyMs - busyBefore);
    const [commands = 0, messages = 0, bytesOut = 0, bytesIn = 0, busyMs = 0] = sum().map(
      (total, i) => (total - (before[i] ?? 0)) / living.length / (ms / 1_000),
    );
    return { commands, messages, bytesOut, bytesIn, cpuMs: busyMs * factor };
  }

  /** The commands of all instances up to now. */
  get commands(): number {
    return this.instances.reduce((sum, { connection }) => sum + connection.traffic.commands, 0);
  }

  judge(): Verdict {
    return this.ledger.judge((index) => this.instances[index]?.state === 'running');
  }

  private lost(id: string): void {
    const instance = this.instances.find((each) => each.id === id);
    if (instance === undefined || instance.state !== 'running') return;
    // Instances that were cut off together may read the loss of one another when they are back.
    if (instance.unheardUntil + GRACE_MS < this.clock.now) this.falseLosses++;
  }

  private sendLater(instance: SimulatedInstance): void {
    const { clock } = this;
    clock.after(SENDS_EVERY_MS * (0.5 + clock.random()), instance.owner, () => {
      if (instance.state !== 'running') return;
      const { audience } = this;
      const to = audience[Math.floor(clock.random() * audience.length)];
      if (this.sends && to?.state === 'running' && to !== instance) instance.send(to);
      this.sendLater(instance);
    });
  }
}
