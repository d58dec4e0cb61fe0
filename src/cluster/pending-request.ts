import type { ReplyMessage } from '../wire/cluster-message.js';
import type { InstanceId } from '../wire/envelope.js';

/** @internal */
export interface RequestOutcome {
  /** Instances that answered in full. */
  readonly answered: readonly InstanceId[];
  /** Instances that should have answered and did not (as far as their names are known). */
  readonly missing: readonly InstanceId[];
  /** Whether everybody answered. */
  readonly complete: boolean;
}

/** One question to the cluster, until it ends. */
export class PendingRequest {
  readonly outcome: Promise<RequestOutcome>;
  private readonly answeredBy = new Set<InstanceId>();
  private readonly left = new Set<InstanceId>();
  private readonly silent = new Set<InstanceId>();
  /** How many instances Redis handed it to; unknown until Redis has said so. */
  private expected: number | undefined;
  private end!: (outcome: RequestOutcome) => void;
  private readonly timer: NodeJS.Timeout;
  private ended = false;

  constructor(
    private readonly members: readonly InstanceId[],
    timeoutMs: number,
    private readonly onPart?: (instanceId: InstanceId, part: unknown) => void,
  ) {
    this.outcome = new Promise((resolve) => {
      this.end = resolve;
    });
    this.timer = setTimeout(() => this.finish(false), timeoutMs);
  }

  handedTo(instances: number): void {
    this.expected = instances;
    this.check();
  }

  /** Returns false where it is not to the point: late, or said twice. */
  answered(from: InstanceId, { part, done, error }: ReplyMessage): boolean {
    if (this.ended || this.answeredBy.has(from)) return false;
    if (part !== undefined) this.onPart?.(from, part);
    if (!done) return true;
    if (error === undefined) this.answeredBy.add(from);
    else this.silent.add(from);
    this.check();
    return true;
  }

  /** An instance that said good-bye has nothing more to say; one that was lost might have had. */
  gone(instanceId: InstanceId, how: 'left' | 'lost'): void {
    if (this.answeredBy.has(instanceId)) return;
    (how === 'left' ? this.left : this.silent).add(instanceId);
    this.check();
  }

  failed(): void {
    this.finish(false);
  }

  private check(): void {
    if (this.expected === undefined) return;
    const settled = this.answeredBy.size + this.silent.size;
    // Whoever left may or may not be among those whom Redis counted: then every member known has to be accounted for.
    const all =
      settled >= this.expected ||
      (settled + this.left.size >= this.expected && this.open().length === 0);
    if (all) this.finish(this.silent.size === 0);
  }

  /** Members that have neither answered nor gone. */
  private open(): InstanceId[] {
    return this.members.filter(
      (member) =>
        !this.answeredBy.has(member) && !this.left.has(member) && !this.silent.has(member),
    );
  }

  private finish(complete: boolean): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    const missing = complete ? [] : [...this.silent, ...this.open()];
    this.end({ answered: [...this.answeredBy], missing, complete });
  }
}
