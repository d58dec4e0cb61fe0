import { PropagatorError } from '../errors.js';
import type { RedisClient } from '../options/redis-options.js';
import { asPropagatorError } from './redis-error.js';

const CHECKS_PER_TIMEOUT = 4;

interface Pending {
  readonly deadline: number;
  readonly reject: (error: PropagatorError) => void;
  settled: boolean;
}

/**
 * The connection that publishes. One coarse timer watches all publishes under way, in place of a timer for each:
 * answers come in the order of the commands, so only the oldest has to be looked at.
 *
 * @internal
 */
export class PublisherConnection {
  private readonly pending: Pending[] = [];
  private watch: NodeJS.Timeout | undefined;

  constructor(
    private readonly client: RedisClient,
    private readonly cluster: boolean,
    private readonly timeoutMs: number,
    private readonly onSilent: () => void,
  ) {}

  publish(channel: string, message: Buffer): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      const entry: Pending = { deadline: Date.now() + this.timeoutMs, reject, settled: false };
      this.track(entry);
      this.send(channel, message).then(
        (receivers) => {
          entry.settled = true;
          resolve(receivers);
        },
        (error: unknown) => {
          entry.settled = true;
          reject(asPropagatorError(error, this.cluster ? 'SPUBLISH' : 'PUBLISH', channel));
        },
      );
    });
  }

  close(): void {
    clearInterval(this.watch);
    this.watch = undefined;
    for (const entry of this.pending.splice(0)) {
      if (!entry.settled) entry.reject(PropagatorError.of('redis.closed', []));
    }
  }

  private send(channel: string, message: Buffer): Promise<number> {
    return this.cluster
      ? (this.client.spublish(channel, message) as Promise<number>)
      : this.client.publish(channel, message);
  }

  private track(entry: Pending): void {
    this.pending.push(entry);
    this.watch ??= setInterval(() => this.check(), this.timeoutMs / CHECKS_PER_TIMEOUT);
  }

  private check(): void {
    const firstOpen = this.pending.findIndex((entry) => !entry.settled);
    this.pending.splice(0, firstOpen === -1 ? this.pending.length : firstOpen);
    const [oldest] = this.pending;
    if (oldest === undefined) {
      clearInterval(this.watch);
      this.watch = undefined;
      return;
    }
    if (oldest.deadline > Date.now()) return;
    const now = Date.now();
    for (const entry of this.pending) {
      if (entry.settled || entry.deadline > now) continue;
      entry.settled = true;
      entry.reject(PropagatorError.of('redis.timeout', ['PUBLISH', this.timeoutMs]));
    }
    this.onSilent();
  }
}
