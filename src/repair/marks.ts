import type { ChannelHandle, Channels } from '../channels/channels.js';
import { newMark, nonceOf } from '../channels/mark.js';
import { serverNameOf } from '../channels/server-name.js';
import type { PubSub } from '../ports/pub-sub.js';
import type { Reporter } from '../reporting/reporter.js';
import { TimeLimit } from '../reporting/time-limit.js';
import type { Positions } from './positions.js';

/** Marks of a channel that have not come back. */
const MAX_IN_FLIGHT = 64;
/** A mark may be in flight at the next beat. Two beats without one that was taken are no coincidence. */
const MAX_MISSED = 2;
/** Beats may come earlier, since each has a jitter. What comes between two beats does not count. */
const COUNTED = 0.85;

interface MarksDeps {
  readonly pubSub: PubSub;
  readonly subscriptions: Channels;
  readonly positions: Pick<Positions, 'mark' | 'heard'>;
  readonly reporter: Reporter;
  readonly heartbeatIntervalMs: number;
  /** A position may have moved. */
  proven(): void;
}

interface MarkedChannel {
  readonly name: string;
  readonly hold: ChannelHandle;
  /** Beats whose marks the server took and that have not come back. */
  missed: number;
  /** When its marks were sent that have not come back, in monotonic time (`performance.now()`). */
  readonly sentAt: Map<string, number>;
  /** When the newest of those that came back was sent; before the first one, when the channel was first listened to. */
  heardAt: number;
}

/**
 * The marks that this instance sends to itself, one to each server, over the connections on which events come. A mark that comes
 * back proves what was read before it was sent. One that does not come back shows that a connection is deaf.
 *
 * @internal
 */
export class Marks {
  private readonly channels: MarkedChannel[] = [];
  private countedAt = -Infinity;
  private closed = false;
  /** Called when a mark has come back, and at the end. */
  private readonly waiting = new Set<() => void>();
  private lastHeardAt = performance.now();

  constructor(private readonly deps: MarksDeps) {}

  /** When the newest mark that came back was sent, in monotonic time (`performance.now()`). */
  get heardAt(): number {
    return this.lastHeardAt;
  }

  /** Until when every server is known to have been heard, in monotonic time (`performance.now()`). */
  get allHeardAt(): number {
    return Math.min(...this.channels.map(({ heardAt }) => heardAt));
  }

  /** Whether these are the channels of all servers. */
  areAll(isOne: (channel: string) => boolean): boolean {
    return this.channels.every(({ name }) => isOne(name));
  }

  /** Listens to these channels: one on each server. Other ones are left. */
  listen(names: readonly string[]): void {
    const kept = new Set(names);
    for (const channel of this.channels.splice(0)) {
      if (kept.delete(channel.name)) this.channels.push(channel);
      else channel.hold.release();
    }
    for (const name of kept) {
      const hold = this.deps.subscriptions.acquire(name, (bytes) => this.heard(name, bytes));
      this.channels.push({
        name,
        hold,
        missed: 0,
        sentAt: new Map(),
        heardAt: performance.now(),
      });
    }
  }

  /**
   * Sends a mark to each server, after the records were read. Returns whether a connection seems deaf: marks were taken, and
   * did not come back.
   */
  send(): boolean {
    const now = performance.now();
    const counts = now - this.countedAt >= this.deps.heartbeatIntervalMs * COUNTED;
    if (counts) this.countedAt = now;
    let isDeaf = false;
    for (const channel of this.channels) {
      if (channel.missed >= MAX_MISSED) {
        isDeaf = true;
        channel.missed = 0;
      }
      this.sendOn(channel, counts, now);
    }
    return isDeaf;
  }

  /** Resolves to true once all messages that any server had taken before now have arrived; to false after `withinMs`. */
  passed(withinMs: number): Promise<boolean> {
    const now = performance.now();
    for (const channel of this.channels) this.sendOn(channel, false, now);
    return new Promise((resolve) => {
      const end = (isProven: boolean): void => {
        limit.clear();
        this.waiting.delete(check);
        resolve(isProven);
      };
      const check = (): void => {
        if (this.closed) end(false);
        else if (this.channels.length > 0 && this.allHeardAt >= now) end(true);
      };
      const failed = this.deps.reporter.failure('heartbeat.failed', () => 'a mark');
      const limit = new TimeLimit(withinMs, failed, () => end(false));
      this.waiting.add(check);
      if (this.closed) check();
    });
  }

  /** A connection was lost: marks that were taken before may not come back. */
  interrupted(): void {
    for (const channel of this.channels) {
      channel.missed = 0;
      channel.sentAt.clear();
    }
  }

  close(): void {
    this.closed = true;
    for (const { hold } of this.channels.splice(0)) hold.release();
    for (const check of this.waiting) check();
  }

  private sendOn(channel: MarkedChannel, counts: boolean, now: number): void {
    const { pubSub, positions, reporter } = this.deps;
    const { name, sentAt } = channel;
    const { bytes, nonce } = newMark();
    const server = serverNameOf(pubSub, name);
    // What is not known to go to one server proves nothing, but shows that the connection works.
    if (server !== undefined) positions.mark(nonce, server);
    sentAt.set(nonce, now);
    for (const oldest of sentAt.keys()) {
      if (sentAt.size <= MAX_IN_FLIGHT) break;
      sentAt.delete(oldest);
    }
    reporter.attempt(
      'heartbeat.failed',
      () => 'a mark',
      () =>
        pubSub.publish(name, bytes).then(
          () => {
            // It may be back already.
            if (counts && sentAt.has(nonce) && pubSub.isSubscribed(name)) channel.missed++;
          },
          () => {
            sentAt.delete(nonce);
            // The state says that Redis is down, and the log has said so, too.
            reporter.count('heartbeat.failed');
          },
        ),
    );
  }

  private heard(name: string, bytes: Buffer): void {
    const nonce = nonceOf(bytes);
    const channel = this.channels.find((each) => each.name === name);
    const sentAt = channel?.sentAt.get(nonce);
    if (channel === undefined || sentAt === undefined) return;
    channel.missed = 0;
    channel.sentAt.delete(nonce);
    channel.heardAt = Math.max(channel.heardAt, sentAt);
    this.lastHeardAt = Math.max(this.lastHeardAt, sentAt);
    for (const check of this.waiting) check();
    if (this.deps.positions.heard(nonce)) this.deps.proven();
  }
}
