import type { KnownInstance } from '../cluster/members.js';
import type { InstanceId } from '../wire/envelope.js';
import type { Positions } from './positions.js';

/** An instance that has ended, or is silent, is forgotten after this time. */
const GONE_KEPT_MS = 600_000;

/** The states of the other instances, by their records. @internal */
export class Instances {
  private readonly states = new Map<InstanceId, KnownInstance['state']>();
  /** When each of those that are gone was first seen so, in monotonic time (`performance.now()`). */
  private readonly goneAt = new Map<InstanceId, number>();

  constructor(private readonly positions: Positions) {}

  /** @param isFirst whether nothing was read before: what they have published so far is not for this instance */
  read(instances: readonly KnownInstance[], { isFirst }: { readonly isFirst: boolean }): void {
    const heads = instances.map(({ instanceId, description: { lanes } }) => ({
      instanceId,
      heads: lanes,
    }));
    if (isFirst) this.positions.begin(heads);
    else this.positions.read(heads);
    for (const { instanceId, state } of instances) {
      this.states.set(instanceId, state);
      if (state === 'alive') this.goneAt.delete(instanceId);
      else if (!this.goneAt.has(instanceId)) this.goneAt.set(instanceId, performance.now());
    }
  }

  /** Undefined: it has no record. */
  stateOf(instanceId: InstanceId): KnownInstance['state'] | undefined {
    return this.states.get(instanceId);
  }

  /** Forgets those that have been gone for long, and returns them. */
  forgetGone(): InstanceId[] {
    const before = performance.now() - GONE_KEPT_MS;
    const gone = [...this.goneAt].filter(([, at]) => at < before).map(([id]) => id);
    for (const id of gone) {
      this.goneAt.delete(id);
      this.states.delete(id);
      this.positions.forget(id);
    }
    return gone;
  }
}
