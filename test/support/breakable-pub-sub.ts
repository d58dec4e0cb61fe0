import { BehaviorSubject, type Observable } from 'rxjs';
import {
  InMemoryPubSub,
  PropagatorError,
  type PubSubListener,
  type PubSubState,
} from '../../src/index.js';

type Which = (channel: string) => boolean;

const ALL: Which = () => true;
const NONE: Which = () => false;

/** A transport in memory whose connections a test can break, each for itself. */
export class BreakablePubSub extends InMemoryPubSub {
  private readonly states = new BehaviorSubject<PubSubState>('ready');
  private readonly interruptions = new Set<(interrupted: Which) => void>();
  private isDeaf: Which = NONE;
  private refuses = false;
  /** Publishes of these channels get no answer, though they may arrive. */
  private isSilent: Which = NONE;
  /** Publishes of these channels get nowhere for now. */
  private isStuck: Which = NONE;
  private stuck: (() => void)[] = [];
  private unanswered: (() => void)[] = [];

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

  /** The subscribed connection is lost, or that of some channels. */
  deafen(which: Which = ALL): void {
    this.isDeaf = which;
    this.states.next('degraded');
    for (const listener of this.interruptions) listener(which);
  }

  /** Some channels can be heard again, but for these. */
  hearBut(which: Which): void {
    this.isDeaf = which;
  }

  /** All is well again. */
  heal(): void {
    this.isDeaf = NONE;
    this.refuses = false;
    this.states.next('ready');
  }

  /** The publishing connection is lost. */
  refuse(): void {
    this.refuses = true;
    this.states.next('degraded');
  }

  /** Nothing that is published from now on is answered, though it arrives. */
  fallSilent(which: Which = ALL): void {
    this.isSilent = which;
  }

  /** What is published from now on is stuck on its way, until {@link unstick}. */
  stick(which: Which = ALL): void {
    this.isStuck = which;
  }

  /** What was stuck arrives after all. */
  unstick(): void {
    for (const go of this.stuck.splice(0)) go();
  }

  /** What was not answered fails, the last one first. */
  failUnanswered(): void {
    this.isSilent = NONE;
    this.isStuck = NONE;
    for (const fail of this.unanswered.splice(0).toReversed()) fail();
  }
}
