import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { asPropagatorError } from './redis-error.js';
import { SubscribeCommands } from './subscribe-commands.js';
import { Waiters } from './waiters.js';

/** SUBSCRIBE takes any number of channels; this many at a time keep the event loop free. */
const CHANNELS_PER_COMMAND = 500;

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Redis' mind may change (an ACL is mended): refused channels are asked for again. */
const REFUSED_RETRY_MS = 5_000;

/**
 * The subscribed connection. It knows which channels are wanted and makes Redis agree: what is asked for within
 * one tick goes out as one command, and after a reconnect everything wanted is subscribed again.
 *
 * @internal
 */
export class SubscriberConnection {
  private readonly wanted = new Set<string>();
  /** Channels whose last command on this connection was a SUBSCRIBE. */
  private readonly sent = new Set<string>();
  /** What `sent` was on earlier connections: an app's own client subscribes that again when it reconnects. */
  private readonly sentBefore = new Set<string>();
  /** Channels that Redis confirmed on this connection. */
  private readonly confirmed = new Set<string>();
  private changed = new Set<string>();
  private readonly waiters: Waiters;
  private readonly commands: SubscribeCommands;
  /** Channels that Redis refused, and why. */
  private readonly refusals = new Map<string, PropagatorError>();
  private retry: NodeJS.Timeout | undefined;
  private connected = false;
  /** One more for each connection; answers that belong to an earlier one are ignored. */
  private generation = 0;
  private flushing: Promise<void> | undefined;
  /** Ends the wait for answers that will not come any more. */
  private stopWaiting: () => void = () => {};

  constructor(
    client: RedisClient,
    cluster: boolean,
    subscribeTimeoutMs: number,
    /** Called when what was wanted has been asked for: with an error if Redis refused some of it. */
    private readonly onSettled: (refusal: PropagatorError | undefined) => void,
  ) {
    this.commands = new SubscribeCommands(client, cluster);
    this.waiters = new Waiters(subscribeTimeoutMs);
  }

  isSubscribed(channel: string): boolean {
    return this.confirmed.has(channel) && this.wanted.has(channel);
  }

  isWanted(channel: string): boolean {
    return this.wanted.has(channel);
  }

  subscribe(channel: string): Promise<void> {
    this.wanted.add(channel);
    // Also for a channel given back a moment ago, whose UNSUBSCRIBE has not gone out: it will not.
    if (this.confirmed.has(channel)) return Promise.resolve();
    this.touch(channel);
    return this.waiters.add(channel);
  }

  unsubscribe(channel: string): void {
    if (!this.wanted.delete(channel)) return;
    this.refusals.delete(channel);
    // Who waits for a channel that is wanted no more waits for nothing.
    this.waiters.resolve(channel);
    this.touch(channel);
  }

  /** The connection stands, with nothing subscribed on it. */
  opened(): void {
    this.lost();
    this.connected = true;
    this.changed = new Set(this.wanted);
    for (const name of this.sentBefore) {
      if (this.wanted.has(name)) continue;
      this.sent.add(name);
      this.changed.add(name);
    }
    this.schedule();
  }

  lost(): void {
    this.generation++;
    this.connected = false;
    this.stopWaiting();
    for (const name of this.sent) this.sentBefore.add(name);
    this.sent.clear();
    this.confirmed.clear();
    this.refusals.clear();
    clearTimeout(this.retry);
    this.retry = undefined;
  }

  /** Gives every channel back. The promise resolves once Redis has answered, if it ever does. */
  async close(): Promise<void> {
    this.lost();
    this.wanted.clear();
    this.changed.clear();
    this.waiters.rejectAll(() => PropagatorError.of('redis.closed', []));
    const commands = [...this.commands.group([...this.sentBefore], CHANNELS_PER_COMMAND)];
    await Promise.allSettled(commands.map((channels) => this.commands.unsubscribe(channels)));
  }

  private touch(channel: string): void {
    this.changed.add(channel);
    if (this.connected) this.schedule();
  }

  private schedule(): void {
    this.flushing ??= tick().then(() => this.flush());
  }

  private async flush(): Promise<void> {
    try {
      while (this.connected && this.changed.size > 0) await this.flushOnce();
      if (this.connected) this.settle();
    } finally {
      this.flushing = undefined;
    }
    if (this.connected && this.changed.size > 0) this.schedule();
  }

  private settle(): void {
    this.sentBefore.clear();
    const [refusal] = this.refusals.values();
    this.onSettled(refusal);
    if (refusal === undefined) return;
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      for (const channel of this.refusals.keys()) this.touch(channel);
    }, REFUSED_RETRY_MS);
  }

  private async flushOnce(): Promise<void> {
    const { generation } = this;
    const changed = this.changed;
    this.changed = new Set();
    const subscribe = [...changed].filter((name) => this.wanted.has(name) && !this.sent.has(name));
    const unsubscribe = [...changed].filter(
      (name) => !this.wanted.has(name) && this.sent.has(name),
    );
    const answers: Promise<void>[] = [];
    for (const group of this.commands.group(unsubscribe, CHANNELS_PER_COMMAND)) {
      if (generation !== this.generation) return;
      // Some may be wanted again since the first group went out.
      const channels = group.filter((name) => !this.wanted.has(name));
      if (channels.length === 0) continue;
      for (const name of channels) {
        this.sent.delete(name);
        this.confirmed.delete(name);
      }
      answers.push(this.commands.unsubscribe(channels).catch(() => undefined));
      await tick();
    }
    for (const channels of this.commands.group(subscribe, CHANNELS_PER_COMMAND)) {
      if (generation !== this.generation) return;
      for (const name of channels) this.sent.add(name);
      answers.push(this.subscribeNow(channels, generation));
      await tick();
    }
    await this.answeredOrLost(answers, generation);
  }

  /** Some clients of apps never settle the commands of a lost connection (`autoResendUnfulfilledCommands: false`). */
  private answeredOrLost(answers: Promise<void>[], generation: number): Promise<void> {
    if (generation !== this.generation) return Promise.resolve();
    return new Promise((resolve) => {
      this.stopWaiting = resolve;
      void Promise.all(answers).then(() => resolve());
    });
  }

  private async subscribeNow(channels: readonly string[], generation: number): Promise<void> {
    try {
      await this.commands.subscribe(channels);
    } catch (error) {
      if (generation === this.generation) await this.refused(channels, error, generation);
      return;
    }
    if (generation !== this.generation) return;
    for (const name of channels) {
      if (!this.wanted.has(name)) continue;
      this.confirmed.add(name);
      this.refusals.delete(name);
      this.waiters.resolve(name);
    }
  }

  /** Redis refuses a whole command for one forbidden channel: halve it until the culprit stands alone. */
  private async refused(
    channels: readonly string[],
    error: unknown,
    generation: number,
  ): Promise<void> {
    if (channels.length > 1) {
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
      // Not reachable (a Cluster that is down, say) is no answer: who waits goes on waiting while it is tried again.
      if (refusal.code !== 'redis.unavailable') this.waiters.reject(name, () => refusal);
      if (this.wanted.has(name)) this.refusals.set(name, refusal);
    }
  }
}
