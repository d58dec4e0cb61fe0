import type { InstanceId } from '../wire/envelope.js';

/**
 * Redis's report about a request: the number of other instances that received it, and the number of other
 * subscribers. @internal
 */
export interface SubscriberCount {
  readonly instances: number;
  /** Subscribers that are not members, such as `redis-cli` or an instance that was given up. */
  readonly unknownSubscribers: number;
}

/**
 * Tracks whether all instances that received a request have replied. Redis reports how many subscribers received
 * it, and only the members are known by name. Neither is enough: Redis also counts other subscribers, and a new
 * instance is not a member yet.
 *
 * @internal
 */
export class ReplyTracker {
  private readonly present = new Set<InstanceId>();
  private readonly failed = new Set<InstanceId>();
  private readonly left = new Set<InstanceId>();
  private readonly lost = new Set<InstanceId>();

  constructor(private readonly members: readonly InstanceId[]) {}

  /** An instance has replied. */
  addReply(instanceId: InstanceId): void {
    this.present.add(instanceId);
  }

  /** An instance has reported a failure. */
  refused(instanceId: InstanceId): void {
    this.failed.add(instanceId);
  }

  /** An instance that left has nothing to reply; one that was lost might have had a reply. */
  gone(instanceId: InstanceId, how: 'left' | 'lost'): void {
    this[how].add(instanceId);
  }

  has(instanceId: InstanceId): boolean {
    return this.present.has(instanceId) || this.failed.has(instanceId);
  }

  get replied(): InstanceId[] {
    return [...this.present];
  }

  /** The instances that should have replied and did not. */
  get missing(): InstanceId[] {
    const lost = [...this.lost].filter((instanceId) => !this.present.has(instanceId));
    return [...new Set([...this.failed, ...lost, ...this.silent])];
  }

  /** Whether no further reply is expected. */
  isOver({ instances, unknownSubscribers }: SubscriberCount): boolean {
    const replies = this.present.size + this.failed.size;
    // Every instance that received the request has replied. Members without a reply did not receive it.
    if (replies >= instances) return true;
    // An instance that left may or may not be among those counted by Redis.
    const gone = [...this.left, ...this.lost].filter((instanceId) => !this.has(instanceId));
    return this.silent.length === 0 && replies + gone.length >= instances - unknownSubscribers;
  }

  /** Members that have not replied, and may do so. */
  get silent(): InstanceId[] {
    return this.members.filter(
      (member) => !this.has(member) && !this.left.has(member) && !this.lost.has(member),
    );
  }
}
