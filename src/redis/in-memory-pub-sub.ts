import type { Observable } from 'rxjs';
import { PropagatorError } from '../errors.js';
import { Listeners } from './listeners.js';
import type { PubSub, PubSubListener, PubSubState } from '../ports/pub-sub.js';
import { StateMachine } from './state-machine.js';
import { soon } from '../reporting/timers.js';

/** Connects the {@link InMemoryPubSub}s of one process, as Redis connects instances. */
export class InMemoryBus {
  /** @internal */
  readonly members = new Set<InMemoryPubSub>();

  /** Further state that the instances of a cluster share, by name. @internal */
  readonly shared = new Map<string, unknown>();
}

/** The state that the instances of a cluster share under a name. Undefined with another transport. @internal */
export function sharedState<T>(pubSub: PubSub, name: string, create: () => T): T | undefined {
  // Not `instanceof`: an app may load this package twice, as ESM and as CommonJS.
  const shared = (pubSub as Partial<InMemoryPubSub>).bus?.shared;
  if (shared === undefined) return undefined;
  const state = (shared.get(name) as T | undefined) ?? create();
  shared.set(name, state);
  return state;
}

/**
 * The transport of apps that run as one instance, and of unit tests: no Redis, same contract. Apps in one process
 * with the same bus are instances of one cluster.
 *
 * ```ts
 * const bus = new InMemoryBus();
 * RedisPropagatorModule.forRoot({ pubSub: new InMemoryPubSub(bus) });
 * ```
 */
export class InMemoryPubSub implements PubSub {
  readonly ordersChannels: boolean = true;
  private readonly machine = new StateMachine();
  private readonly listeners = new Listeners();
  private readonly channels = new Set<string>();

  constructor(
    /** @internal */
    readonly bus: InMemoryBus = new InMemoryBus(),
  ) {
    bus.members.add(this);
    this.machine.enter('ready');
  }

  get state(): PubSubState {
    return this.machine.state;
  }

  get state$(): Observable<PubSubState> {
    return this.machine.state$;
  }

  serverOf(): string {
    return 'memory';
  }

  async connect(): Promise<void> {}

  async publish(channel: string, message: Buffer): Promise<number> {
    if (this.state === 'closed') throw PropagatorError.of('redis.closed', []);
    const receivers = [...this.bus.members].filter((member) => member.channels.has(channel));
    if (receivers.length > 0) {
      // The sender may reuse its buffer; and as with a network, nothing arrives during the call.
      const bytes = Buffer.from(message);
      // Listeners are guarded, and their errors are reported one by one.
      soon(
        () => undefined,
        () => {
          for (const receiver of receivers) receiver.arrive(channel, bytes);
        },
      );
    }
    return receivers.length;
  }

  async subscribe(channel: string): Promise<void> {
    if (this.state === 'closed') throw PropagatorError.of('redis.closed', []);
    this.channels.add(channel);
  }

  unsubscribe(channel: string): void {
    this.channels.delete(channel);
  }

  isSubscribed(channel: string): boolean {
    return this.channels.has(channel);
  }

  onMessage(listener: PubSubListener): () => void {
    return this.listeners.add(listener);
  }

  async close(): Promise<void> {
    this.bus.members.delete(this);
    this.channels.clear();
    this.machine.enter('closed');
  }

  private arrive(channel: string, message: Buffer): void {
    if (this.channels.has(channel)) this.listeners.dispatch(channel, message);
  }
}
