import type { Socket } from 'node:net';
import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { publishOn, streamOf, type PublishOutcome } from './ioredis-internals.js';
import { checkRegularly } from './liveness.js';
import { asPropagatorError } from './redis-error.js';
import { SlotOrder } from './slot-order.js';
import { onNextTick, soon } from '../reporting/timers.js';

const CHECKS_PER_TIMEOUT = 4;
/** Settled entries are released this many at a time, or more where more are pending: each is moved rarely. */
const COMPACT_AT = 256;
/** Late publishes are given up this many at a time: thousands would block the event loop. */
const MAX_PER_TURN = 500;

/** A publish without an outcome yet. */
class Pending implements PublishOutcome {
  readonly promise: Promise<number>;
  /** Rejects the promise, whatever Redis replies later. */
  readonly fail: (error: PropagatorError) => void;
  readonly resolve: (receivers: number) => void;
  readonly reject: (error: unknown) => void;
  settled = false;
  /** True once the publish is given up: a later reply is ignored. */
  isGivenUp = false;

  constructor(
    readonly channel: string,
    command: string,
    /** Monotonic time (`performance.now()`). */
    readonly deadline: number,
    settle: (publish: Pending) => void,
  ) {
    let succeed!: (receivers: number) => void;
    let fail!: (error: PropagatorError) => void;
    this.promise = new Promise((resolve, reject) => {
      succeed = resolve;
      fail = reject;
    });
    this.fail = fail;
    this.resolve = (receivers) => {
      if (this.isGivenUp) return;
      settle(this);
      succeed(receivers);
    };
    this.reject = (error) => {
      if (this.isGivenUp) return;
      settle(this);
      fail(asPropagatorError(error, command, channel));
    };
  }
}

/**
 * The publishing connection. One coarse timer watches all publishes in flight, instead of a timer for each: replies
 * come in the order of the commands, so only the oldest has to be checked.
 *
 * @internal
 */
export class PublisherConnection {
  private readonly pending: Pending[] = [];
  /** All entries before this one are settled. */
  private oldest = 0;
  private watch: NodeJS.Timeout | undefined;
  private corked: Socket | undefined;
  private readonly uncorkOnNextTick: () => void;
  private readonly publishNow: ReturnType<typeof publishOn>;
  /** On a Cluster only. */
  private readonly order: SlotOrder | undefined;

  constructor(
    private readonly client: RedisClient,
    /** For a Cluster: which node has a channel. */
    nodeOf: ((channel: string) => string | undefined) | undefined,
    private readonly timeoutMs: number,
    /** Called with a channel whose command got no reply. */
    private readonly onSilent: (channel: string) => void,
    /** Called with errors that the client throws in a timer. */
    private readonly threw: (error: unknown) => void,
  ) {
    this.publishNow = publishOn(client);
    this.order = nodeOf && new SlotOrder(nodeOf);
    this.uncorkOnNextTick = onNextTick(threw, () => {
      const { corked } = this;
      this.corked = undefined;
      corked?.uncork();
    });
  }

  publish(channel: string, message: Buffer): Promise<number> {
    const { order } = this;
    const command = order === undefined ? 'PUBLISH' : 'SPUBLISH';
    const deadline = performance.now() + this.timeoutMs;
    const entry = new Pending(channel, command, deadline, this.settle);
    this.track(entry);
    if (order === undefined) {
      this.writeAtOnce();
      try {
        this.publishNow(channel, message, entry);
      } catch (error) {
        // A client of the app may throw where it should reject.
        entry.reject(error);
      }
    } else {
      order.enter(channel, (settled) => {
        // The publish waited too long, and its promise has been rejected.
        if (entry.settled || entry.isGivenUp) settled();
        else this.spublish(message, entry, settled);
      });
    }
    return entry.promise;
  }

  close(): void {
    clearInterval(this.watch);
    this.watch = undefined;
    this.oldest = 0;
    for (const entry of this.pending.splice(0)) {
      if (!entry.settled) entry.fail(PropagatorError.of('redis.closed', []));
    }
  }

  /** Without a reply to this one, the publishes that wait for it would never be sent. */
  private spublish(message: Buffer, entry: Pending, settled: () => void): void {
    let sent: Promise<unknown>;
    try {
      sent = this.client.spublish(entry.channel, message);
    } catch (error) {
      sent = Promise.reject(error);
    }
    sent.then(
      (receivers) => {
        settled();
        entry.resolve(receivers as number);
      },
      (error: unknown) => {
        settled();
        entry.reject(error);
      },
    );
  }

  private track(entry: Pending): void {
    this.pending.push(entry);
    this.watch ??= checkRegularly(
      () => this.check(),
      this.threw,
      this.timeoutMs / CHECKS_PER_TIMEOUT,
    );
  }

  /** Sends all publishes of one tick in one system call. */
  private writeAtOnce(): void {
    if (this.corked !== undefined) return;
    const stream = streamOf(this.client);
    if (typeof stream?.cork !== 'function') return;
    this.corked = stream;
    stream.cork();
    this.uncorkOnNextTick();
  }

  private readonly settle = (entry: Pending): void => {
    entry.settled = true;
    while (this.pending[this.oldest]?.settled === true) this.oldest++;
    if (this.oldest < COMPACT_AT || 2 * this.oldest < this.pending.length) return;
    this.pending.splice(0, this.oldest);
    this.oldest = 0;
  };

  private check(): void {
    const oldest = this.pending[this.oldest];
    if (oldest === undefined) {
      clearInterval(this.watch);
      this.watch = undefined;
      return;
    }
    const now = performance.now();
    if (oldest.deadline > now || oldest.isGivenUp) return;
    this.giveUp(now);
    this.onSilent(oldest.channel);
  }

  /**
   * Gives up the late publishes, and those behind them in the same order. If these succeeded after all, the late ones would be
   * published again behind them.
   */
  private giveUp(now: number): void {
    const late = new Set<string>();
    for (let index = this.oldest; index < this.pending.length; index++) {
      const entry = this.pending[index];
      if (entry === undefined || entry.settled) continue;
      const isLate = entry.deadline <= now;
      if (isLate) late.add(entry.channel);
      entry.isGivenUp = isLate || this.order === undefined || late.has(entry.channel);
    }
    // One error for all, because each error would capture its own stack trace.
    this.rejectGivenUp(PropagatorError.of('redis.timeout', ['PUBLISH', this.timeoutMs]));
  }

  private rejectGivenUp(error: PropagatorError): void {
    let rejected = 0;
    for (const entry of this.pending.slice(this.oldest)) {
      if (!entry.isGivenUp || entry.settled) continue;
      if (rejected++ === MAX_PER_TURN) {
        soon(this.threw, () => this.rejectGivenUp(error));
        return;
      }
      entry.fail(error);
      this.settle(entry);
    }
  }
}
