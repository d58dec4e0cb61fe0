import { PropagatorError } from '../errors.js';
import type { ResolvedOutboxOptions } from '../options/resolve-outbox.js';
import type { Reporter } from '../reporting/reporter.js';

const CHECK_MS = 100;
/** How many of a line are sent before their answers are waited for. */
const MOST_AT_ONCE = 250;
/** A line that cannot be published is tried again after that, doubled each time up to the last. */
const PAUSE_MS = [50, 800] as const;

/** @internal */
export interface QueuedPublish {
  readonly channel: string;
  /** What it keeps its order with: mostly all that goes over its channel. */
  readonly line: string;
  readonly bytes: Buffer;
  /** Its number among the events of this instance: what goes first. */
  readonly sequence: number;
  /** Whether Redis may have had it already. */
  repeated: boolean;
  /** Why it is here. */
  reason: string;
  /** By the clock that nobody sets. */
  readonly endsAt: number;
  /** Redis is being asked to take it: what becomes of it is known soon. */
  underWay: boolean;
  readonly resolve: (instances: number) => void;
  readonly reject: (error: PropagatorError) => void;
}

/** @internal */
export interface OutboxTransport {
  /** Whether it makes sense to try. */
  isOpen(): boolean;
  /** Whether something of that line is under way past the outbox, which may come back to it. */
  isBusy(line: string): boolean;
  /** Rejects with a PropagatorError. */
  send(publish: QueuedPublish): Promise<number>;
  /** Whether that error passes by itself. */
  isPassing(error: PropagatorError): boolean;
}

interface Queue {
  readonly waiting: QueuedPublish[];
  sending: boolean;
  /** In a row. */
  failures: number;
  /** By the clock that nobody sets. */
  notBefore: number;
}

/**
 * What could not be published, in order, until it can. Each line has a queue of its own, mostly one channel's, since a
 * part of a Cluster may be away: nothing overtakes what waits in the same line. Bounded in number, bytes and time; what
 * falls out rejects its promise.
 *
 * @internal
 */
export class Outbox {
  /** In the order in which they came. */
  private readonly all = new Set<QueuedPublish>();
  private readonly queues = new Map<string, Queue>();
  private queuedBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private waiting: (() => void)[] = [];

  constructor(
    private readonly limits: ResolvedOutboxOptions,
    private readonly transport: OutboxTransport,
    private readonly reporter: Reporter,
  ) {}

  get size(): number {
    return this.all.size;
  }

  get bytes(): number {
    return this.queuedBytes;
  }

  /** Whether something waits in this line: then what comes next has to wait as well. */
  holds(line: string): boolean {
    return this.all.size > 0 && this.queues.has(line);
  }

  /** @throws PropagatorError `outbox.full`, `outbox.expired`, `redis.*` */
  add(
    publish: Pick<QueuedPublish, 'channel' | 'line' | 'bytes' | 'sequence' | 'repeated' | 'reason'>,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      const endsAt = performance.now() + this.limits.maxAgeMs;
      this.insert({ ...publish, endsAt, underWay: false, resolve, reject });
    });
  }

  /** Tries to publish everything now: Redis is back. */
  flush(): void {
    for (const queue of this.queues.values()) queue.notBefore = 0;
    this.flushAll();
  }

  /** Tries to publish what waits in one line. */
  flushLine(line: string): void {
    const queue = this.queues.get(line);
    if (queue !== undefined) void this.send(line, queue);
  }

  /** Resolves once it is empty. */
  drain(): Promise<void> {
    if (this.all.size === 0) return Promise.resolve();
    this.flush();
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  close(): void {
    for (const publish of this.all) this.end(publish, PropagatorError.of('redis.closed', []));
  }

  private insert(publish: QueuedPublish): void {
    const queue = this.queues.get(publish.line);
    if (queue === undefined) {
      const added = { waiting: [publish], sending: false, failures: 0, notBefore: 0 };
      this.queues.set(publish.line, added);
    } else {
      insertInOrder(queue.waiting, publish);
    }
    this.all.add(publish);
    this.queuedBytes += publish.bytes.length;
    this.timer ??= setInterval(() => this.check(), CHECK_MS);
    for (const oldest of this.all) {
      if (!this.isOverfull) break;
      // What Redis is about to take makes room by itself.
      if (!oldest.underWay) this.pushOut(oldest);
    }
  }

  private get isOverfull(): boolean {
    const { maxEvents, maxBytes } = this.limits;
    return this.all.size > maxEvents || this.queuedBytes > maxBytes;
  }

  private check(): void {
    const now = performance.now();
    const { maxAgeMs } = this.limits;
    for (const publish of this.all) {
      if (publish.endsAt > now) break;
      if (publish.underWay) continue;
      const error = PropagatorError.of('outbox.expired', [maxAgeMs, publish.reason]);
      this.reporter.report('outbox.expired', () => error.message);
      this.end(publish, error);
    }
    this.flushAll();
  }

  private flushAll(): void {
    if (!this.transport.isOpen()) return;
    for (const [line, queue] of this.queues) void this.send(line, queue);
  }

  private async send(line: string, queue: Queue): Promise<void> {
    if (queue.sending) return;
    queue.sending = true;
    try {
      while (this.maySend(line, queue)) await this.sendSome(queue);
    } finally {
      queue.sending = false;
    }
  }

  private maySend(line: string, { waiting, notBefore }: Queue): boolean {
    return (
      waiting.length > 0 &&
      notBefore <= performance.now() &&
      this.transport.isOpen() &&
      !this.transport.isBusy(line)
    );
  }

  private async sendSome(queue: Queue): Promise<void> {
    // After a failure one of them finds out whether it works again.
    const some = begun(queue.waiting, queue.failures > 0 ? 1 : MOST_AT_ONCE);
    const sent = await Promise.all(some.map((publish) => this.sendOne(publish)));
    if (sent.every(Boolean)) {
      queue.failures = 0;
      return;
    }
    const [shortest, longest] = PAUSE_MS;
    queue.notBefore = performance.now() + Math.min(shortest * 2 ** queue.failures, longest);
    queue.failures++;
  }

  /** Returns whether that is settled. */
  private async sendOne(publish: QueuedPublish): Promise<boolean> {
    publish.underWay = true;
    try {
      const instances = await this.transport.send(publish);
      publish.resolve(instances);
      this.remove(publish);
      return true;
    } catch (thrown) {
      const error = thrown as PropagatorError;
      publish.underWay = false;
      if (this.transport.isPassing(error)) {
        publish.repeated = true;
        publish.reason = error.message;
        return false;
      }
      this.end(publish, error);
      return true;
    }
  }

  private pushOut(publish: QueuedPublish): void {
    const error = PropagatorError.of('outbox.full', [publish.reason]);
    this.reporter.report('outbox.full', () => error.message);
    this.end(publish, error);
  }

  private end(publish: QueuedPublish, error: PropagatorError): void {
    this.remove(publish);
    publish.reject(error);
  }

  private remove(publish: QueuedPublish): void {
    if (!this.all.delete(publish)) return;
    this.queuedBytes -= publish.bytes.length;
    const waiting = this.queues.get(publish.line)?.waiting ?? [];
    const index = waiting.indexOf(publish);
    if (index >= 0) waiting.splice(index, 1);
    if (waiting.length === 0) this.queues.delete(publish.line);
    if (this.all.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** The first ones of a line, as many as go over one channel: on a Cluster two channels know of no order. */
function begun(waiting: readonly QueuedPublish[], most: number): QueuedPublish[] {
  const some = waiting.slice(0, most);
  const end = some.findIndex(({ channel }) => channel !== some[0]?.channel);
  return end < 0 ? some : some.slice(0, end);
}

/** What was under way may come back later than what was emitted after it. */
function insertInOrder(waiting: QueuedPublish[], publish: QueuedPublish): void {
  let index = waiting.length;
  while (index > 0 && (waiting[index - 1]?.sequence ?? 0) > publish.sequence) index--;
  waiting.splice(index, 0, publish);
}
