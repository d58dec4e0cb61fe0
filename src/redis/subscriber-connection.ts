import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import type { InterruptedChannels } from '../ports/pub-sub.js';
import { OverdueChannels } from './overdue-channels.js';
import { asPropagatorError } from './redis-error.js';
import { SubscribeCommands } from './subscribe-commands.js';
import { Waiters } from './waiters.js';
import { after } from '../reporting/timers.js';

/** Channels per command, and channels requested before the event loop gets its turn. */
const CHANNELS_PER_TURN = 500;
/** Yield to the event loop after this many channels. */
const CHANNELS_PER_LOOK = 5_000;

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Redis may accept refused channels later (a corrected ACL), so they are requested again. */
const REFUSED_RETRY_MS = 5_000;
/** A node of a Cluster that cannot serve a slot at this moment may serve it in the next. */
const UNAVAILABLE_RETRY_MS = 250;

/** @internal */
export interface SubscriberConnectionHandlers {
  /** All wanted channels have been requested; with an error if Redis refused some of them, or does not reply. */
  readonly settled: (refusal: PropagatorError | undefined) => void;
  /** Messages of these channels may be missed, or may have been since then: their callers no longer wait. */
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
  private readonly wanted = new Set<string>();
  /** Channels whose last command on this connection was a SUBSCRIBE. */
  private sent = new Set<string>();
  /**
   * The content of `sent` on earlier connections: an app's own client subscribes these channels again when it
   * reconnects.
   */
  private sentBefore = new Set<string>();
  /** Channels that Redis confirmed on this connection. */
  private readonly confirmed = new Set<string>();
  private changed = new Set<string>();
  /** Whether no command has been sent on this connection yet. */
  private startsAnew = false;
  private readonly commands: SubscribeCommands;
  private readonly waiters: Waiters;
  /** Channels that Redis refused, with the errors. */
  private readonly refusals = new Map<string, PropagatorError>();
  private retry: NodeJS.Timeout | undefined;
  private readonly late: OverdueChannels;
  private connected = false;
  /** Incremented for each connection; replies of an earlier one are ignored. */
  private generation = 0;
  private flushing: Promise<void> | undefined;
  /** Ends the wait for replies that will never come. */
  private stopWaiting: () => void = () => {};

  constructor(
    client: RedisClient,
    cluster: boolean,
    subscribeTimeoutMs: number,
    private readonly on: SubscriberConnectionHandlers,
    /**
     * Shared by the connections of a Cluster, because a channel may move to another connection while callers wait
     * for it.
     */
    waiters?: Waiters,
  ) {
    this.waiters =
      waiters ??
      new Waiters(
        subscribeTimeoutMs,
        (channel, error) => this.overdue(channel, error),
        (error) => on.threw(error),
      );
    this.late = new OverdueChannels(on.missed);
    this.commands = new SubscribeCommands(client, cluster);
  }

  isSubscribed(channel: string): boolean {
    return this.confirmed.has(channel) && this.wanted.has(channel);
  }

  /**
   * By what was sent, not by what is confirmed or wanted: an UNSUBSCRIBE goes out a turn after the channel was
   * released.
   */
  isCounted(channel: string): boolean {
    return this.sent.has(channel);
  }

  /** Whether any channel is wanted. */
  get isNeeded(): boolean {
    return this.wanted.size > 0;
  }

  isWanted(channel: string): boolean {
    return this.wanted.has(channel);
  }

  subscribe(channel: string): Promise<void> {
    // Also for a channel released a moment ago, whose UNSUBSCRIBE has not been sent: it will not be.
    return this.want(channel) ? Promise.resolve() : this.waiters.add(channel);
  }

  unsubscribe(channel: string): void {
    if (!this.wanted.delete(channel)) return;
    this.refusals.delete(channel);
    this.late.forget(channel);
    // Callers that wait for an unwanted channel would wait in vain.
    this.waiters.resolve(channel);
    this.touch(channel);
  }

  /** Like {@link subscribe}, for a channel that callers may already wait for. Returns whether it is subscribed. */
  want(channel: string): boolean {
    this.wanted.add(channel);
    if (this.confirmed.has(channel)) return true;
    this.touch(channel);
    return false;
  }

  /**
   * Another connection takes over this channel and its waiting callers. No command is sent: Redis drops the
   * channels of a moving slot by itself.
   */
  drop(channel: string): void {
    this.wanted.delete(channel);
    this.sent.delete(channel);
    this.sentBefore.delete(channel);
    this.confirmed.delete(channel);
    this.late.forget(channel);
    // Without this refusal everything may be subscribed.
    if (this.refusals.delete(channel) && this.connected) this.schedule();
  }

  /** Redis was asked for this channel, and its callers no longer wait. */
  overdue(channel: string, error: PropagatorError): void {
    if (!this.connected || !this.wanted.has(channel) || this.confirmed.has(channel)) return;
    this.late.overdue(channel, error);
    this.on.settled(error);
  }

  /** Redis has ended all subscriptions except these. Returns whether some have to be made again. */
  lostAllBut(held: ReadonlySet<string>): boolean {
    let again = false;
    for (const channel of this.confirmed) {
      if (held.has(channel)) continue;
      this.confirmed.delete(channel);
      this.sent.delete(channel);
      if (!this.wanted.has(channel)) continue;
      this.touch(channel);
      again = true;
    }
    return again;
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
    this.startsAnew = true;
    this.schedule();
  }

  lost(): void {
    this.generation++;
    this.connected = false;
    this.stopWaiting();
    if (this.sentBefore.size === 0) [this.sentBefore, this.sent] = [this.sent, this.sentBefore];
    for (const name of this.sent) this.sentBefore.add(name);
    this.sent.clear();
    this.confirmed.clear();
    this.changed.clear();
    this.late.clear();
    this.refusals.clear();
    clearTimeout(this.retry);
    this.retry = undefined;
  }

  /** Releases every channel. The promise resolves once Redis has replied, if it does. */
  async close(): Promise<void> {
    this.lost();
    this.wanted.clear();
    this.waiters.rejectAll(() => PropagatorError.of('redis.closed', []));
    const batches = this.commands.batches(CHANNELS_PER_TURN);
    const full = [...this.sentBefore].map((name) => batches.add(name));
    const commands = [...full, ...batches.rest()].map(async (batch) => {
      if (batch !== undefined) await this.commands.unsubscribe(batch);
    });
    await Promise.allSettled(commands);
  }

  private touch(channel: string): void {
    // A new connection starts with all wanted channels.
    if (!this.connected) return;
    this.changed.add(channel);
    this.schedule();
  }

  private schedule(): void {
    this.flushing ??= tick()
      .then(() => this.flush())
      .catch((error: unknown) => this.on.threw(error));
  }

  private async flush(): Promise<void> {
    try {
      while (this.connected) {
        const { generation } = this;
        await this.flushOnce();
        // After each round, because while channels come and go there is always another one.
        if (this.connected && generation === this.generation) this.settle();
        if (!this.startsAnew && this.changed.size === 0) break;
      }
    } finally {
      this.flushing = undefined;
    }
    if (this.connected && this.changed.size > 0) this.schedule();
  }

  private settle(): void {
    this.sentBefore.clear();
    this.late.answered(this.confirmed);
    const [refusal] = this.refusals.values();
    this.on.settled(refusal ?? this.late.overdueError);
    if (refusal === undefined) return;
    const soon = [...this.refusals.values()].some(({ code }) => code === 'redis.unavailable');
    const ms = soon ? UNAVAILABLE_RETRY_MS : REFUSED_RETRY_MS;
    this.retry ??= after(ms, this.on.threw, () => {
      this.retry = undefined;
      for (const channel of this.refusals.keys()) this.touch(channel);
    });
  }

  private async flushOnce(): Promise<void> {
    const { generation } = this;
    const subscribe = this.commands.batches(CHANNELS_PER_TURN);
    const unsubscribe = this.commands.batches(CHANNELS_PER_TURN);
    const answers: Promise<void>[] = [];
    let asked = 0;
    const send = async (
      batch: readonly string[] | undefined,
      command: (channels: readonly string[]) => Promise<void>,
    ): Promise<void> => {
      if (batch === undefined || generation !== this.generation) return;
      answers.push(command(batch));
      // On a Cluster a command takes the channels of one slot, so several commands go out in one turn.
      asked += batch.length;
      if (asked < CHANNELS_PER_TURN) return;
      asked = 0;
      await tick();
    };
    const take = (channels: readonly string[]) => this.unsubscribeNow(channels);
    const ask = (channels: readonly string[]) => this.subscribeNow(channels, generation);
    const changed = this.startsAnew ? this.everything() : this.changed;
    this.startsAnew = false;
    this.changed = new Set();
    let looked = 0;
    for (const name of changed) {
      if (++looked % CHANNELS_PER_LOOK === 0) await tick();
      if (generation !== this.generation) return;
      const wanted = this.wanted.has(name);
      if (wanted === this.sent.has(name)) continue;
      await (wanted ? send(subscribe.add(name), ask) : send(unsubscribe.add(name), take));
    }
    for (const batch of unsubscribe.rest()) await send(batch, take);
    for (const batch of subscribe.rest()) await send(batch, ask);
    await this.answeredOrLost(answers, generation);
  }

  /** Some clients of apps never settle the commands of a lost connection (`autoResendUnfulfilledCommands: false`). */
  private answeredOrLost(answers: Promise<void>[], generation: number): Promise<void> {
    if (generation !== this.generation) return Promise.resolve();
    return new Promise((resolve) => {
      this.stopWaiting = resolve;
      Promise.all(answers).then(
        () => resolve(),
        (error: unknown) => {
          this.on.threw(error);
          resolve();
        },
      );
    });
  }

  /** All channels for a new connection, one by one, because a copy of 100,000 names takes time. */
  private *everything(): Generator<string> {
    yield* this.wanted;
    for (const name of this.sentBefore) {
      if (this.wanted.has(name)) continue;
      this.sent.add(name);
      yield name;
    }
  }

  private async unsubscribeNow(batch: readonly string[]): Promise<void> {
    // Some may be wanted again since the batch was started.
    const channels = batch.filter((name) => !this.wanted.has(name));
    if (channels.length === 0) return;
    for (const name of channels) {
      this.sent.delete(name);
      this.confirmed.delete(name);
    }
    await this.commands.unsubscribe(channels).catch(() => undefined);
  }

  private async subscribeNow(channels: readonly string[], generation: number): Promise<void> {
    for (const name of channels) this.sent.add(name);
    try {
      await this.commands.subscribe(channels);
    } catch (error) {
      if (generation === this.generation) await this.refused(channels, error, generation);
      return;
    }
    if (generation !== this.generation) return;
    for (const name of channels) {
      // The channel was released, and may be wanted again before this command is sent.
      if (!this.sent.has(name)) continue;
      this.confirmed.add(name);
      this.refusals.delete(name);
      this.waiters.resolve(name);
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
      this.sent.delete(name);
      const refusal = asPropagatorError(error, this.commands.name, name);
      // An unreachable node (such as in a Cluster that is down) is not a refusal: callers keep waiting while it is
      // tried again.
      if (refusal.code !== 'redis.unavailable') this.waiters.reject(name, () => refusal);
      if (!this.wanted.has(name)) continue;
      this.refusals.set(name, refusal);
      this.late.refused(name);
    }
  }
}
