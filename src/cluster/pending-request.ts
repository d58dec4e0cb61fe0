import { TimeLimit } from '../reporting/time-limit.js';
import type { Failed } from '../reporting/timers.js';
import type { ReplyMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';
import { ReplyTracker, type SubscriberCount } from './reply-tracker.js';

/** The error of an instance that does not know an operation: another version, or one without an option. @internal */
export const UNKNOWN_OPERATION = 'unknown operation';

/** More messages than any reply has. */
const MAX_PARTS = 65_536;
/** So many instances that were not asked may reply: the caller does not know them yet. */
const MAX_UNKNOWN = 4_096;

/** How long parts of replies can extend the deadline of a request. */
const MAX_RENEWED_MS = 120_000;

/** @internal */
export interface RequestOutcome {
  /** Instances that have replied completely. */
  readonly replied: readonly InstanceId[];
  /** Instances that should have replied and did not (as far as their names are known). */
  readonly missing: readonly InstanceId[];
  /** Whether every instance replied. */
  readonly complete: boolean;
  /** Redis had no subscriber for the request: the instance has ended, or its connection is lost. */
  readonly isUnheard?: true;
}

/** @internal */
export interface RequestListener {
  /** The limit counts only the time in which this process runs its event loop, up to so many times as long. */
  readonly stretch?: number;
  /** Whether each part of a reply restarts the deadline, for two minutes at most. */
  readonly partsExtendDeadline?: boolean;
  /** Called with each part of each reply as it arrives. */
  readonly onPart?: (instanceId: InstanceId, part: unknown) => void;
  /** Whether the reply is empty because the instance does not know the operation. */
  readonly skipsUnknown?: boolean;
  /** Called when an instance has replied completely. */
  readonly onReplied?: (instanceId: InstanceId) => void;
  /** Called once all instances have sent their first part, or an empty reply. */
  readonly onAllStarted?: () => void;
}

/** One request to the cluster, until it ends. */
export class PendingRequest {
  readonly outcome: Promise<RequestOutcome>;
  private readonly started: ReplyTracker;
  private readonly finished: ReplyTracker;
  /** Undefined until Redis has reported the number. */
  private subscribers: SubscriberCount | undefined;
  private allStarted = false;
  /** Instances with a part that does not have the requested form. */
  private readonly malformed = new Set<InstanceId>();
  /** The numbers of the received messages of each instance. */
  private readonly numbers = new Map<InstanceId, Set<number>>();
  private readonly members: ReadonlySet<InstanceId>;
  /** The number of others that have replied. */
  private unknown = 0;
  private end!: (outcome: RequestOutcome) => void;
  private readonly limit: TimeLimit;
  private readonly extensibleUntil: number;
  private ended = false;

  constructor(
    members: readonly InstanceId[],
    timeoutMs: number,
    private readonly listener: RequestListener,
    failed: Failed,
  ) {
    this.members = new Set(members);
    this.started = new ReplyTracker(members);
    this.finished = new ReplyTracker(members);
    this.outcome = new Promise((resolve) => {
      this.end = resolve;
    });
    this.extensibleUntil =
      listener.partsExtendDeadline === true ? performance.now() + MAX_RENEWED_MS : 0;
    const { stretch = 1 } = listener;
    this.limit = new TimeLimit(timeoutMs, failed, () => this.finish(false), stretch * timeoutMs);
  }

  /** Redis has delivered the request to these subscribers. */
  delivered(subscribers: SubscriberCount): void {
    this.subscribers = subscribers;
    this.check();
  }

  /** A heartbeat has found this many subscribers that are not members, and from which no reply is expected. */
  unknownSubscribers(count: number): void {
    const { subscribers } = this;
    if (subscribers === undefined || count <= subscribers.unknownSubscribers) return;
    this.delivered({ ...subscribers, unknownSubscribers: count });
  }

  /**
   * Returns false for a part that is late or repeated.
   *
   * @throws the error of the listener; the instance then counts as missing, and the request does not wait for it
   */
  receive(from: InstanceId, { number, part, done, error }: ReplyMessage): boolean {
    if (this.ended || this.finished.has(from)) return false;
    const received = this.numbersOf(from);
    if (received === undefined || received.size >= MAX_PARTS) return false;
    if (number !== undefined && received.has(number)) return false;
    if (performance.now() < this.extensibleUntil) this.limit.renew();
    if (number !== undefined) received.add(number);
    let fault: unknown;
    try {
      if (part !== undefined) this.listener.onPart?.(from, part);
    } catch (thrown) {
      fault = thrown;
      this.malformed.add(from);
    }
    // If a part was lost, or has a wrong form, the rest must not pass for the complete reply.
    const isComplete =
      (error === undefined ||
        (error === UNKNOWN_OPERATION && this.listener.skipsUnknown === true)) &&
      !this.malformed.has(from) &&
      (number === undefined || received.size === number + 1);
    if (done && !isComplete) {
      this.started.refused(from);
      this.finished.refused(from);
    } else if (done) {
      this.started.addReply(from);
      this.finished.addReply(from);
      this.listener.onReplied?.(from);
    } else if (error !== undefined) this.started.refused(from);
    else if (number === undefined || number === 0) this.started.addReply(from);
    this.check();
    if (fault !== undefined) throw fault;
    return true;
  }

  gone(instanceId: InstanceId, how: 'left' | 'lost'): void {
    this.started.gone(instanceId, how);
    this.finished.gone(instanceId, how);
    this.check();
  }

  failed(): void {
    this.finish(false);
  }

  /** How many instances have begun to reply. */
  get answering(): number {
    return this.numbers.size;
  }

  /** Members from which nothing has arrived. */
  get silent(): InstanceId[] {
    return this.ended ? [] : this.started.silent.filter((member) => !this.numbers.has(member));
  }

  /** Undefined: too many have replied that were not asked. */
  private numbersOf(from: InstanceId): Set<number> | undefined {
    const known = this.numbers.get(from);
    if (known !== undefined) return known;
    const isUnknown = !this.members.has(from);
    if (isUnknown && this.unknown >= MAX_UNKNOWN) return undefined;
    if (isUnknown) this.unknown++;
    const numbers = new Set<number>();
    this.numbers.set(from, numbers);
    return numbers;
  }

  private check(): void {
    if (this.subscribers === undefined || this.ended) return;
    if (!this.allStarted && this.started.isOver(this.subscribers)) {
      this.allStarted = true;
      if (this.started.missing.length === 0) this.listener.onAllStarted?.();
    }
    if (this.finished.isOver(this.subscribers)) this.finish(true);
  }

  private finish(isOver: boolean): void {
    if (this.ended) return;
    this.ended = true;
    this.limit.clear();
    const { replied, missing } = this.finished;
    this.end({
      replied,
      missing,
      complete: isOver && missing.length === 0,
      ...(isOver && missing.length > 0 && this.subscribers?.instances === 0 && { isUnheard: true }),
    });
  }
}
