import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';
import { OverdueChannels } from './overdue-channels.js';
import { PacedRounds, tick } from './paced-rounds.js';
import { asPropagatorError } from './redis-error.js';
import { SubscribeCommands } from './subscribe-commands.js';
import { SubscriptionSet } from './subscription-set.js';
import { Waiters } from './waiters.js';
import { after } from '../reporting/timers.js';

/** Channels per command, and channels requested before the event loop gets its turn. */
const CHANNELS_PER_TURN = 500;
/** Yield to the event loop after this many channels. */
const CHANNELS_PER_LOOK = 5_000;

/** @internal */
export interface SubscriberConnectionHandlers {
  /** All wanted channels have been requested. An error means that Redis refused some of them, or did not reply. */
  readonly settled: (refusal: PropagatorError | undefined) => void;
  /** Messages of these channels, for which callers no longer wait, may have been missed since then. */
  readonly missed: (missed: InterruptedChannels, since: number) => void;
  /** Called with errors that would otherwise end the process, such as in a timer. */
  readonly threw: (error: unknown) => void;
}

/**
 * The subscribed connection. It knows the wanted channels and makes Redis agree: all channels requested within one
 * tick go out as one command, and after a reconnect every wanted channel is subscribed again.
 *
 * @internal
 */
export class SubscriberConnection {
  private readonly channels = new SubscriptionSet();
  private readonly commands: SubscribeCommands;
  private readonly waiters: Waiters;
  private readonly overdueChannels: OverdueChannels;
  private retry: NodeJS.Timeout | undefined;
  private connected = false;
  /** Incremented for each connection; replies of an earlier one are ignored. */
  private generation = 0;
  private flushing: Promise<void> | undefined;
  private readonly rounds = new PacedRounds();
  /** Ends the wait for replies that will never come. */
  private stopWaiting: () => void = () => {};

  constructor(
    client: RedisClient,
    cluster: boolean,
    subscribeTimeoutMs: number,
    private readonly on: SubscriberConnectionHandlers,
    /** Shared by the shards of a Cluster: a channel may move to another one while callers wait for it. */
    waiters?: Waiters,
  ) {
    this.waiters =
      waiters ??
      new Waiters(subscribeTimeoutMs, (channel, error) => this.overdue(channel, error), on.threw);
    this.overdueChannels = new OverdueChannels(on.missed);
    this.commands = new SubscribeCommands(client, cluster);
  }

  isSubscribed(channel: string): boolean {
    return this.channels.isConfirmed(channel) && this.channels.isWanted(channel);
  }

  /** Depends on the commands sent: an UNSUBSCRIBE goes out a turn after the channel was released. */
  isCounted(channel: string): boolean {
    return this.channels.isRequested(channel);
  }

  /** Whether any channel is wanted. */
  get isNeeded(): boolean {
    return this.channels.isNeeded;
  }

  isWanted(channel: string): boolean {
    return this.channels.isWanted(channel);
  }

  subscribe(channel: string): Promise<void> {
    // The UNSUBSCRIBE of a channel released a moment ago has not been sent yet, and will not be.
    return this.want(channel) ? Promise.resolve() : this.waiters.add(channel);
  }

  unsubscribe(channel: string): void {
    if (!this.channels.release(channel)) return;
    this.overdueChannels.forget(channel);
    // Callers that wait for an unwanted channel would wait in vain.
    this.waiters.resolve(channel);
    this.touch(channel);
  }

  /** Like {@link subscribe}, for a channel that callers may already wait for. Returns whether it is subscribed. */
  want(channel: string): boolean {
    if (this.channels.want(channel)) return true;
    this.touch(channel);
    return false;
  }

  /**
   * Another connection takes over this channel and its waiting callers. No command is sent: Redis drops the
   * channels of a moving slot by itself.
   */
  drop(channel: string): void {
    this.channels.drop(channel);
    // If this was the only refused channel, all wanted channels are subscribed now.
    if (this.overdueChannels.forget(channel) && this.connected) this.schedule();
  }

  /** Redis was asked for this channel, and its callers no longer wait. */
  overdue(channel: string, error: PropagatorError): void {
    if (!this.connected || !this.isWanted(channel) || this.channels.isConfirmed(channel)) return;
    this.overdueChannels.overdue(channel, error);
    this.on.settled(error);
  }

  /** Redis has ended all subscriptions except these. Returns whether some have to be made again. */
  lostAllBut(held: ReadonlySet<string>): boolean {
    const lost = this.channels.lostAllBut(held);
    for (const channel of lost) this.touch(channel);
    return lost.length > 0;
  }

  /** Like {@link Subscriber.probe}. */
  async probe(channel: string, during: () => Promise<void> = async () => {}): Promise<boolean> {
    const { generation } = this;
    await this.commands.subscribe([channel]);
    await during();
    await this.commands.unsubscribe([channel]);
    return this.connected && generation === this.generation;
  }

  /** The connection is open, with nothing subscribed on it. */
  opened(): void {
    this.lost();
    this.connected = true;
    this.channels.opened();
    this.schedule();
  }

  lost(): void {
    this.generation++;
    this.connected = false;
    this.stopWaiting();
    this.channels.lost();
    this.overdueChannels.clear();
    clearTimeout(this.retry);
    this.retry = undefined;
  }

  /** Releases every channel. Resolves once Redis has replied, if it does, to whether it has confirmed this. */
  async close(): Promise<boolean> {
    this.lost();
    this.waiters.rejectAll(() => PropagatorError.of('redis.closed', []));
    const batches = this.commands.batches(CHANNELS_PER_TURN);
    const full = [...this.channels.releaseAll()].map((name) => batches.add(name));
    const commands = [...full, ...batches.rest()].map(async (batch) => {
      if (batch !== undefined) await this.commands.unsubscribe(batch);
    });
    const answers = await Promise.allSettled(commands);
    return answers.every(({ status }) => status === 'fulfilled');
  }

  private touch(channel: string): void {
    // A new connection starts with all wanted channels.
    if (!this.connected) return;
    this.channels.touch(channel);
    this.schedule();
  }

  private schedule(): void {
    this.flushing ??= this.flush().catch((error: unknown) => this.on.threw(error));
  }

  private async flush(): Promise<void> {
    try {
      do {
        await this.rounds.next();
        const { generation } = this;
        if (this.connected) await this.flushOnce();
        // After each round and not after the last one: while channels come and go, there is always another round.
        if (this.connected && generation === this.generation) this.settle();
      } while (this.connected && this.channels.hasChanges);
    } finally {
      this.flushing = undefined;
    }
    if (this.connected && this.channels.hasChanges) this.schedule();
  }

  private settle(): void {
    this.channels.settled();
    this.overdueChannels.confirmed((channel) => this.channels.isConfirmed(channel));
    this.on.settled(this.overdueChannels.error);
    const { retryMs } = this.overdueChannels;
    if (retryMs === undefined) return;
    this.retry ??= after(retryMs, this.on.threw, () => {
      this.retry = undefined;
      for (const channel of this.overdueChannels.refused) this.touch(channel);
    });
  }

  private async flushOnce(): Promise<void> {
    const { generation } = this;
    const batches = {
      unsubscribe: this.commands.batches(CHANNELS_PER_TURN),
      subscribe: this.commands.batches(CHANNELS_PER_TURN),
    };
    const answers: Promise<void>[] = [];
    let asked = 0;
    const send = async (
      command: keyof typeof batches,
      batch: readonly string[] | undefined,
    ): Promise<void> => {
      if (batch === undefined || generation !== this.generation) return;
      const method = command === 'subscribe' ? 'subscribeNow' : 'unsubscribeNow';
      answers.push(this[method](batch, generation));
      this.rounds.sent(batch.length);
      // On a Cluster a command takes the channels of one slot, so several commands go out in one turn.
      asked += batch.length;
      if (asked < CHANNELS_PER_TURN) return;
      asked = 0;
      await tick();
    };
    let looked = 0;
    for (const name of this.channels.takeChanges()) {
      if (++looked % CHANNELS_PER_LOOK === 0) await tick();
      if (generation !== this.generation) return;
      const command = this.channels.commandFor(name);
      if (command !== undefined) await send(command, batches[command].add(name));
    }
    for (const command of ['unsubscribe', 'subscribe'] as const) {
      for (const batch of batches[command].rest()) await send(command, batch);
    }
    if (generation === this.generation) await this.answeredOrLost(answers);
  }

  /** Some clients of apps never settle the commands of a lost connection (`autoResendUnfulfilledCommands: false`). */
  private answeredOrLost(answers: Promise<void>[]): Promise<void> {
    return new Promise((resolve) => {
      this.stopWaiting = resolve;
      void Promise.all(answers)
        .catch(this.on.threw)
        .finally(() => resolve());
    });
  }

  private async unsubscribeNow(batch: readonly string[], generation: number): Promise<void> {
    // Some may be wanted again since the batch was started.
    const channels = batch.filter((name) => !this.isWanted(name));
    if (channels.length === 0) return;
    for (const name of channels) this.channels.leave(name);
    const isDone = await this.commands.unsubscribe(channels).then(
      () => generation === this.generation,
      () => false,
    );
    if (isDone) for (const name of channels) this.channels.left(name);
  }

  private async subscribeNow(channels: readonly string[], generation: number): Promise<void> {
    for (const name of channels) this.channels.request(name);
    try {
      await this.commands.subscribe(channels);
    } catch (error) {
      if (generation === this.generation) await this.refused(channels, error, generation);
      return;
    }
    if (generation !== this.generation) return;
    for (const name of channels) {
      // Not if the channel was released since; it may be wanted again before this command is sent.
      if (this.channels.confirm(name)) this.waiters.resolve(name);
    }
  }

  /** Redis refuses a whole command because of one forbidden channel: halve it until only that channel is left. */
  private async refused(
    channels: readonly string[],
    error: unknown,
    generation: number,
  ): Promise<void> {
    const unavailable = asPropagatorError(error, this.commands.name).code === 'redis.unavailable';
    if (channels.length > 1 && !unavailable) {
      const middle = channels.length >> 1;
      await Promise.all([
        this.subscribeNow(channels.slice(0, middle), generation),
        this.subscribeNow(channels.slice(middle), generation),
      ]);
      return;
    }
    for (const name of channels) {
      this.channels.ended(name);
      const refusal = asPropagatorError(error, this.commands.name, name);
      // An unreachable node (such as in a Cluster that is down) is not a refusal: callers keep waiting while it is
      // tried again.
      if (refusal.code !== 'redis.unavailable') this.waiters.reject(name, () => refusal);
      if (this.isWanted(name)) this.overdueChannels.refuse(name, refusal);
    }
  }
}
