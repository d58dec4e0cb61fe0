import type { InstanceId } from '../wire/envelope.js';

/** What Redis said of a question: how many other instances it was handed to, and how many are none of ours. @internal */
export interface SubscriberCount {
  readonly instances: number;
  /** Subscribers that are no members: somebody who looks on, an instance that was given up. */
  readonly unknownSubscribers: number;
}

/**
 * Whether all instances that were asked something have been heard of. Redis says to how many it handed the question;
 * who they are is known of the members only. Neither alone tells: Redis counts outsiders, and an instance that has
 * just come is no member yet.
 *
 * @internal
 */
export class ReplyTracker {
  private readonly present = new Set<InstanceId>();
  private readonly failed = new Set<InstanceId>();
  private readonly left = new Set<InstanceId>();
  private readonly lost = new Set<InstanceId>();

  constructor(private readonly members: readonly InstanceId[]) {}

  /** An instance has said what it was asked. */
  heard(instanceId: InstanceId): void {
    this.present.add(instanceId);
  }

  /** An instance has said that it cannot say. */
  refused(instanceId: InstanceId): void {
    this.failed.add(instanceId);
  }

  /** An instance that said good-bye has nothing more to say; one that was lost might have had. */
  gone(instanceId: InstanceId, how: 'left' | 'lost'): void {
    this[how].add(instanceId);
  }

  has(instanceId: InstanceId): boolean {
    return this.present.has(instanceId) || this.failed.has(instanceId);
  }

  get answered(): InstanceId[] {
    return [...this.present];
  }

  /** Who should have been heard and was not. */
  get missing(): InstanceId[] {
    const lost = [...this.lost].filter((instanceId) => !this.present.has(instanceId));
    return [...new Set([...this.failed, ...lost, ...this.open()])];
  }

  isOver({ instances, unknownSubscribers }: SubscriberCount): boolean {
    const replies = this.present.size + this.failed.size;
    // Everybody whom the question reached has replied; members that are open all the same were not reached.
    if (replies >= instances) return true;
    // Who went away may or may not be among those whom Redis counted.
    const gone = [...this.left, ...this.lost].filter((instanceId) => !this.has(instanceId));
    return this.open().length === 0 && replies + gone.length >= instances - unknownSubscribers;
  }

  /** Members of whom nothing is known. */
  private open(): InstanceId[] {
    return this.members.filter(
      (member) => !this.has(member) && !this.left.has(member) && !this.lost.has(member),
    );
  }
}
