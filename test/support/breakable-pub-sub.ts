import { BehaviorSubject, type Observable } from 'rxjs';
import { PropagatorError, type PubSubListener, type PubSubState } from '../../src/index.js';
import { type InMemoryBus, InMemoryPubSub } from '../../src/testing/index.js';

type Which = (channel: string) => boolean;

const ALL: Which = () => true;
const NONE: Which = () => false;

/** An in-memory transport whose publishing and subscribed connections a test can break separately. */
export class BreakablePubSub extends InMemoryPubSub {
  private readonly states = new BehaviorSubject<PubSubState>('ready');
  private readonly interruptions = new Set<(interrupted: Which) => void>();
  private isDeaf: Which = NONE;
  private refuses = false;
  /** Publishes to these channels get no reply, although they may arrive. */
  private isSilent: Which = NONE;
  /** Publishes to these channels do not arrive until {@link unstick}. */
  private isStuck: Which = NONE;
  private stuck: (() => void)[] = [];
  private unanswered: (() => void)[] = [];
  /** Publishes to these channels fail at once. */
  private isFailing: Which = NONE;
  /** The number of publishes that failed so. */
  failures = 0;
  private isPart: Which | undefined;

  constructor(
    bus?: InMemoryBus,
    /** False: only the messages of one channel have an order, as on a Cluster. */
    override readonly ordersChannels: boolean = true,
  ) {
    super(bus);
  }

  /** These channels are those of another server, as on a Cluster. */
  inParts(isPart: Which): this {
    this.isPart = isPart;
    return this;
  }

  laneOf(channel: string): string {
    return this.isPart?.(channel) === true ? 'part' : 'rest';
  }

  override serverOf(channel?: string): string {
    return channel !== undefined && this.isPart?.(channel) === true ? 'part' : 'memory';
  }

  channelsOfServers(channel: string): readonly string[] {
    const { isPart } = this;
    if (isPart === undefined) return [channel];
    return [channel, `${channel}:user:`].filter((name, i) => isPart(name) === (i === 1));
  }

  override get state(): PubSubState {
    return super.state === 'closed' ? 'closed' : this.states.value;
  }

  override get state$(): Observable<PubSubState> {
    return this.states.asObservable();
  }

  isOpen(): boolean {
    return !this.refuses;
  }

  onInterruption(listener: (interrupted: Which) => void): () => void {
    this.interruptions.add(listener);
    return () => this.interruptions.delete(listener);
  }

  override isSubscribed(channel: string): boolean {
    return !this.isDeaf(channel) && super.isSubscribed(channel);
  }

  countsItself(channel: string): boolean {
    return super.isSubscribed(channel);
  }

  override async publish(channel: string, message: Buffer): Promise<number> {
    if (this.refuses) throw PropagatorError.of('redis.unavailable', ['a test']);
    if (this.isFailing(channel)) {
      this.failures++;
      throw PropagatorError.of('redis.unavailable', ['a test']);
    }
    if (this.isStuck(channel)) {
      const bytes = Buffer.from(message);
      this.stuck.push(() => void super.publish(channel, bytes));
      return new Promise((_, reject) => {
        this.unanswered.push(() => reject(PropagatorError.of('redis.unavailable', ['a test'])));
      });
    }
    const published = super.publish(channel, message);
    if (!this.isSilent(channel)) return published;
    return new Promise((_, reject) => {
      this.unanswered.push(() => reject(PropagatorError.of('redis.unavailable', ['a test'])));
    });
  }

  override onMessage(listener: PubSubListener): () => void {
    return super.onMessage((channel, message) => {
      if (!this.isDeaf(channel)) listener(channel, message);
    });
  }

  /** Breaks the subscribed connection, for all channels or for some. */
  deafen(which: Which = ALL): void {
    this.isDeaf = which;
    this.states.next('degraded');
    for (const listener of this.interruptions) listener(which);
  }

  /** Receives messages again, except on these channels. */
  hearBut(which: Which): void {
    this.isDeaf = which;
  }

  /** Restores everything. */
  heal(): void {
    this.isDeaf = NONE;
    this.refuses = false;
    this.states.next('ready');
  }

  /** Breaks the publishing connection. */
  refuse(): void {
    this.refuses = true;
    this.states.next('degraded');
  }

  /** From now on publishes to these channels fail, and those to others do not. */
  fail(which: Which): void {
    this.isFailing = which;
  }

  /** From now on publishes get no reply, although they arrive. */
  fallSilent(which: Which = ALL): void {
    this.isSilent = which;
  }

  /** From now on publishes are delayed until {@link unstick}. */
  stick(which: Which = ALL): void {
    this.isStuck = which;
  }

  /** Delivers the delayed publishes. */
  unstick(): void {
    for (const go of this.stuck.splice(0)) go();
  }

  /** Rejects all publishes without a reply, the last one first. */
  failUnanswered(): void {
    this.isSilent = NONE;
    this.isStuck = NONE;
    for (const fail of this.unanswered.splice(0).toReversed()) fail();
  }
}
