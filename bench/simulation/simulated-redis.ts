import { InMemoryRecords, RecordTable } from '../../src/cluster/records/in-memory-records.js';
import type {
  InstanceRecords,
  KnownRecords,
  ReadRecords,
  RecordBeat,
  RecordLimits,
} from '../../src/cluster/records/instance-records.js';
import type { LeftHistories, LeftPage } from '../../src/cluster/records/left-histories.js';
import { PropagatorError } from '../../src/errors.js';
import type { InterruptedChannels, PubSub, PubSubListener } from '../../src/ports/pub-sub.js';
import { Listeners } from '../../src/redis/listeners.js';
import { StateMachine } from '../../src/redis/state-machine.js';
import { Owner, type VirtualClock } from './virtual-clock.js';

/** The shortest time that a message takes one way, and how much longer it may take, in ms. */
const LATENCY_MS = [0.2, 0.8] as const;
/** The bytes of a command, a reply or a message beside its texts: about those of the frame of the protocol. */
const FRAME_BYTES = 40;
/** The arguments of a beat beside its text, and the reply beside the records. */
const BEAT_BYTES = [480, 90] as const;
/** A record in a reply beside its text: its instance, its state, its version. */
const RECORD_BYTES = 40;
/** How often overdue commands are looked for, in ms. */
const CHECK_MS = 1_250;
const RETRY_MS = 300;
/** A connection over which nothing comes is replaced after this time. */
const SILENT_MS = 4_000;

/** Redis: channels, and the records. It outlives its connections. */
export class SimulatedRedis {
  readonly owner = new Owner();
  readonly channels = new Map<string, Set<SimulatedConnection>>();
  readonly connections = new Set<SimulatedConnection>();
  isUp = true;
  /** The numbers of the process and of the data set, as parts of their names. */
  run = 0;
  data = 0;
  private table = new RecordTable();
  /** The pages that instances left when they ended, with the times. */
  histories = new Map<string, { readonly pages: readonly string[]; readonly at: number }>();

  constructor(readonly clock: VirtualClock) {}

  get name(): string {
    return `redis-${this.run}`;
  }

  recordsOf(instanceId: string, limits: RecordLimits): InMemoryRecords {
    return new InMemoryRecords(this.table, instanceId, limits);
  }

  /** All connections are closed, and none is accepted until {@link start}. */
  kill({ losesRecords }: { readonly losesRecords: boolean }): void {
    this.isUp = false;
    this.channels.clear();
    for (const connection of this.connections) connection.closedByServer();
    if (!losesRecords) return;
    this.data++;
    this.table = new RecordTable();
    this.histories = new Map();
  }

  start(): void {
    this.run++;
    this.isUp = true;
  }
}

/** The bytes and messages of one instance. */
export interface Traffic {
  commands: number;
  messages: number;
  bytesOut: number;
  bytesIn: number;
}

interface Pending {
  readonly deadline: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: PropagatorError) => void;
}

type Lane = 'publisher' | 'events' | 'control';

/**
 * The connections of one instance to Redis: one publishes and runs the beats, one receives events, one receives requests
 * and replies. Each keeps its order, and each message takes its time.
 */
export class SimulatedConnection implements PubSub {
  readonly ordersChannels = true;
  readonly traffic: Traffic = { commands: 0, messages: 0, bytesOut: 0, bytesIn: 0 };
  /** The network passes nothing while this is true. Neither side notices a cut at once. */
  isCut = false;
  /** The longest additional delay of a message. */
  delayMs = 0;
  private readonly machine = new StateMachine();
  private readonly listeners = new Listeners();
  private readonly interruptions = new Set<
    (interrupted: InterruptedChannels, since?: number) => void
  >();
  private readonly wanted = new Map<string, Lane>();
  private readonly subscribed = new Set<string>();
  private readonly pending = new Set<Pending>();
  private readonly lastAt = new Map<string, number>();
  /** Incremented with each connection: messages of an earlier connection are lost. */
  private epoch = 0;
  private isConnected = false;
  private isWatching = false;

  constructor(
    private readonly redis: SimulatedRedis,
    readonly owner: Owner,
    private readonly timeoutMs: number,
  ) {
    redis.connections.add(this);
  }

  get state() {
    return this.machine.state;
  }

  get state$() {
    return this.machine.state$;
  }

  laneOf(): string {
    return `#${this.epoch}`;
  }

  serverOf(): string | undefined {
    return this.isConnected ? this.redis.name : undefined;
  }

  isOpen(): boolean {
    return this.isConnected;
  }

  isSubscribed(channel: string): boolean {
    return this.subscribed.has(channel);
  }

  onMessage(listener: PubSubListener): () => void {
    return this.listeners.add(listener);
  }

  onInterruption(listener: (interrupted: InterruptedChannels, since?: number) => void): () => void {
    this.interruptions.add(listener);
    return () => this.interruptions.delete(listener);
  }

  async connect(): Promise<void> {
    this.tryToConnect();
  }

  publish(channel: string, message: Buffer): Promise<number> {
    const bytes = Buffer.from(message);
    const takes = FRAME_BYTES + channel.length + bytes.length;
    return this.command('publisher', takes, (reply) => {
      const receivers = this.redis.channels.get(channel) ?? [];
      let count = 0;
      for (const receiver of receivers) {
        receiver.send(channel, bytes);
        count++;
      }
      reply(count, 4);
    }) as Promise<number>;
  }

  subscribe(channel: string): Promise<void> {
    return this.want(channel, 'events');
  }

  subscribeControl(channel: string): Promise<void> {
    return this.want(channel, 'control');
  }

  unsubscribe(channel: string): void {
    this.wanted.delete(channel);
    this.subscribed.delete(channel);
    this.command('events', FRAME_BYTES + channel.length, () => {
      this.redis.channels.get(channel)?.delete(this);
    }).catch(() => undefined);
  }

  /** One beat at the records, over the publishing connection. */
  beat(records: InMemoryRecords, { text, known, ...beat }: RecordBeat): Promise<ReadRecords> {
    return this.command('publisher', BEAT_BYTES[0] + text.length, (reply) => {
      const data = `data-${this.redis.data}`;
      const isSame = known.data === data;
      const its = { ...known, data: isSame ? 'memory' : '' };
      void records.beat({ ...beat, text, known: its }).then((read) => {
        const takes = read.records.map((record) => (record.text?.length ?? 0) + RECORD_BYTES);
        return reply(
          { ...read, data },
          takes.reduce((sum, size) => sum + size, BEAT_BYTES[1]),
        );
      });
    }) as Promise<ReadRecords>;
  }

  end(records: InMemoryRecords, text: string): Promise<Pick<KnownRecords, 'version' | 'data'>> {
    return this.command('publisher', BEAT_BYTES[0] + text.length, (reply) => {
      void records
        .end(text)
        .then(({ version }) => reply({ version, data: `data-${this.redis.data}` }, BEAT_BYTES[1]));
    }) as Promise<Pick<KnownRecords, 'version' | 'data'>>;
  }

  leave(instanceId: string, pages: readonly string[]): Promise<void> {
    const takes = pages.reduce((sum, { length }) => sum + length, FRAME_BYTES);
    return this.command('publisher', takes, (reply) => {
      this.redis.histories.set(instanceId, { pages, at: this.redis.clock.now });
      reply(undefined, 4);
    }) as Promise<void>;
  }

  readLeft(instanceId: string, index: number): Promise<LeftPage | undefined> {
    return this.command('publisher', FRAME_BYTES, (reply) => {
      const { histories, clock } = this.redis;
      const its = histories.get(instanceId);
      const text = its?.pages[index];
      const page = text === undefined ? undefined : { text, ageMs: clock.now - (its?.at ?? 0) };
      reply(page, text?.length ?? 4);
    }) as Promise<LeftPage | undefined>;
  }

  reconnect(): void {
    this.lost();
  }

  async close(): Promise<void> {
    this.vanish();
    this.machine.enter('closed');
    this.rejectAll(PropagatorError.of('redis.closed', []));
  }

  /** The process has died: Redis closes its connections. */
  vanish(): void {
    this.epoch++;
    this.isConnected = false;
    this.redis.connections.delete(this);
    for (const channel of this.wanted.keys()) this.redis.channels.get(channel)?.delete(this);
  }

  closedByServer(): void {
    const { epoch } = this;
    if (this.isCut) return;
    this.redis.clock.arrive(this.redis.clock.now + this.latency(), this.owner, () => {
      if (epoch === this.epoch) this.lost();
    });
  }

  /** The network passes nothing for a while. The instance notices that nothing comes. */
  cut(ms: number): void {
    const { clock } = this.redis;
    this.isCut = true;
    const { epoch } = this;
    clock.after(Math.min(ms, SILENT_MS * (1 + clock.random() / 2)), this.owner, () => {
      if (this.isCut && epoch === this.epoch) this.lost();
    });
    clock.after(ms, this.redis.owner, () => {
      this.isCut = false;
    });
  }

  private want(channel: string, lane: Lane): Promise<void> {
    this.wanted.set(channel, lane);
    if (!this.isConnected) {
      return Promise.reject(PropagatorError.of('redis.unavailable', ['not connected']));
    }
    return this.command(lane, FRAME_BYTES + channel.length, (reply) => {
      this.join(channel);
      reply(undefined, FRAME_BYTES);
    }).then(() => {
      if (this.wanted.has(channel)) this.subscribed.add(channel);
    });
  }

  private join(channel: string): void {
    const { channels } = this.redis;
    const members = channels.get(channel);
    if (members === undefined) channels.set(channel, new Set([this]));
    else members.add(this);
  }

  private send(channel: string, bytes: Buffer): void {
    const lane = this.wanted.get(channel);
    if (lane === undefined || this.isCut) return;
    this.pass(`to ${lane}`, this.owner, () => {
      const { traffic } = this;
      traffic.messages++;
      traffic.bytesIn += FRAME_BYTES + channel.length + bytes.length;
      if (this.wanted.has(channel)) this.listeners.dispatch(channel, bytes);
    });
  }

  private command(
    lane: Lane,
    takes: number,
    execute: (reply: (value: unknown, bytes: number) => void) => void,
  ): Promise<unknown> {
    if (!this.isConnected) {
      return Promise.reject(PropagatorError.of('redis.unavailable', ['not connected']));
    }
    const { traffic } = this;
    traffic.commands++;
    traffic.bytesOut += takes;
    return new Promise((resolve, reject) => {
      const deadline = this.redis.clock.now + this.timeoutMs;
      const entry: Pending = { deadline, resolve, reject };
      this.pending.add(entry);
      this.watch();
      if (this.isCut) return;
      this.pass(`from ${lane}`, this.redis.owner, () => {
        if (!this.redis.isUp) return;
        execute((value, bytes) => {
          if (this.isCut) return;
          this.pass(`to ${lane}`, this.owner, () => {
            traffic.bytesIn += bytes;
            if (this.pending.delete(entry)) resolve(value);
          });
        });
      });
    });
  }

  /** Delivers a message one way. Messages of the same way keep their order. */
  private pass(way: string, owner: Owner, arrived: () => void): void {
    const { clock } = this.redis;
    const { epoch } = this;
    const at = Math.max(clock.now + this.latency(), (this.lastAt.get(way) ?? 0) + 0.001);
    this.lastAt.set(way, at);
    clock.arrive(at, owner, () => {
      if (epoch === this.epoch && !this.isCut) arrived();
    });
  }

  private latency(): number {
    const { random } = this.redis.clock;
    const [shortest, more] = LATENCY_MS;
    return shortest + random() * more + random() * this.delayMs;
  }

  private watch(): void {
    if (this.isWatching) return;
    this.isWatching = true;
    this.redis.clock.after(CHECK_MS, this.owner, () => {
      this.isWatching = false;
      const { now } = this.redis.clock;
      const overdue = [...this.pending].filter(({ deadline }) => deadline <= now);
      for (const entry of overdue) {
        this.pending.delete(entry);
        entry.reject(PropagatorError.of('redis.timeout', ['a command', this.timeoutMs]));
      }
      if (overdue.length > 0) this.lost();
      if (this.pending.size > 0) this.watch();
    });
  }

  private lost(): void {
    if (!this.isConnected) return;
    this.epoch++;
    this.isConnected = false;
    this.subscribed.clear();
    this.lastAt.clear();
    for (const channel of this.wanted.keys()) this.redis.channels.get(channel)?.delete(this);
    for (const listener of this.interruptions) listener(() => true);
    this.machine.enter('degraded');
    this.rejectAll(PropagatorError.of('redis.unavailable', ['the connection is closed']));
    this.retry();
  }

  private rejectAll(error: PropagatorError): void {
    for (const { reject } of this.pending) reject(error);
    this.pending.clear();
  }

  private retry(): void {
    const { clock } = this.redis;
    const ms = RETRY_MS * (0.5 + clock.random());
    clock.after(ms, this.owner, () => this.tryToConnect());
  }

  private tryToConnect(): void {
    if (this.isConnected || this.state === 'closed') return;
    if (!this.redis.isUp || this.isCut) {
      this.retry();
      return;
    }
    this.isConnected = true;
    const channels = [...this.wanted.keys()];
    const takes = channels.reduce((sum, { length }) => sum + FRAME_BYTES + length, FRAME_BYTES);
    this.command('events', takes, (reply) => {
      for (const channel of channels) this.join(channel);
      reply(undefined, takes);
    }).then(
      () => {
        for (const channel of channels) if (this.wanted.has(channel)) this.subscribed.add(channel);
        this.machine.enter('ready');
      },
      () => undefined,
    );
  }
}

/** The records of the library, in a Redis that is some way off. */
export class RemoteRecords implements InstanceRecords {
  constructor(
    private readonly redis: SimulatedRedis,
    private readonly connection: SimulatedConnection,
    private readonly instanceId: string,
    private readonly limits: RecordLimits,
  ) {}

  beat(beat: RecordBeat): Promise<ReadRecords> {
    return this.connection.beat(this.records, beat);
  }

  end(text: string): Promise<Pick<KnownRecords, 'version' | 'data'>> {
    return this.connection.end(this.records, text);
  }

  close(): void {}

  private get records(): InMemoryRecords {
    return this.redis.recordsOf(this.instanceId, this.limits);
  }
}

/** The events that instances leave when they end, in a Redis that is some way off. */
export class RemoteHistories implements LeftHistories {
  constructor(
    private readonly connection: SimulatedConnection,
    private readonly instanceId: string,
  ) {}

  leave(pages: readonly string[]): Promise<void> {
    return this.connection.leave(this.instanceId, pages);
  }

  read(instanceId: string, index: number): Promise<LeftPage | undefined> {
    return this.connection.readLeft(instanceId, index);
  }

  close(): void {}
}
