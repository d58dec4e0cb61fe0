import { PropagatorError } from '../errors.js';
import { TimeLimit } from '../reporting/time-limit.js';

interface Waiter {
  resolve(): void;
  reject(error: PropagatorError): void;
  limit: TimeLimit;
}

/** Promises that wait until a channel is subscribed, each with a time limit. */
export class Waiters {
  private readonly byChannel = new Map<string, Set<Waiter>>();

  constructor(
    private readonly timeoutMs: number,
    /** Called when callers no longer wait for this channel although it is not subscribed. */
    private readonly onTimeout: (channel: string, error: PropagatorError) => void,
    /** Called with errors of `onTimeout`. */
    private readonly threw: (error: unknown) => void,
  ) {}

  add(channel: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const limit = new TimeLimit(this.timeoutMs, this.threw, () => {
        this.remove(channel, waiter);
        const error = PropagatorError.of('redis.timeout', ['SUBSCRIBE', this.timeoutMs]);
        reject(error);
        this.onTimeout(channel, error);
      });
      const waiter: Waiter = { resolve, reject, limit };
      const waiters = this.byChannel.get(channel);
      if (waiters === undefined) this.byChannel.set(channel, new Set([waiter]));
      else waiters.add(waiter);
    });
  }

  resolve(channel: string): void {
    for (const waiter of this.take(channel)) waiter.resolve();
  }

  reject(channel: string, error: () => PropagatorError): void {
    for (const waiter of this.take(channel)) waiter.reject(error());
  }

  rejectAll(error: () => PropagatorError): void {
    for (const channel of this.byChannel.keys()) this.reject(channel, error);
  }

  private take(channel: string): Iterable<Waiter> {
    const waiters = this.byChannel.get(channel) ?? [];
    this.byChannel.delete(channel);
    for (const { limit } of waiters) limit.clear();
    return waiters;
  }

  private remove(channel: string, waiter: Waiter): void {
    const waiters = this.byChannel.get(channel);
    if (waiters?.delete(waiter) && waiters.size === 0) this.byChannel.delete(channel);
  }
}
