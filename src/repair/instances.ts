import type { KnownInstance } from '../cluster/members.js';
import type { Reporter } from '../reporting/reporter.js';
import type { InstanceId } from '../wire/envelope.js';
import type { Positions } from './positions.js';

/** An instance that has ended, or is silent, is forgotten after this time. */
const GONE_KEPT_MS = 600_000;
/** So many of them are kept, and so many lanes of them together: more ended in that time if somebody made them up. */
const MAX_GONE = 8_192;
const MAX_GONE_LANES = 131_072;

/** The states of the other instances, by their records. @internal */
export class Instances {
  private readonly states = new Map<InstanceId, KnownInstance['state']>();
  /** The instances that are gone: the monotonic time (`performance.now()`) of the first such record, and the number of lanes. */
  private readonly gone = new Map<InstanceId, { readonly at: number; readonly lanes: number }>();
  private goneLanes = 0;
  private forgotAt = -Infinity;

  constructor(
    private readonly positions: Positions,
    private readonly reporter: Pick<Reporter, 'report'>,
  ) {}

  /** @param isFirst whether nothing was read before: what they have published so far is not for this instance */
  read(instances: readonly KnownInstance[], { isFirst }: { readonly isFirst: boolean }): void {
    const heads = instances.map(({ instanceId, description: { lanes } }) => ({
      instanceId,
      heads: lanes,
    }));
    if (isFirst) this.positions.begin(heads);
    else this.positions.read(heads);
    for (const { instanceId, state, description } of instances) {
      this.states.set(instanceId, state);
      const before = this.keepNoMore(instanceId);
      if (state === 'alive') continue;
      const gone = { at: before?.at ?? performance.now(), lanes: description.lanes.length };
      this.gone.set(instanceId, gone);
      this.goneLanes += gone.lanes;
    }
  }

  /** Returns true if instances that had ended were forgotten early within the last `withinMs`. */
  hasForgotten(withinMs: number): boolean {
    return this.forgotAt >= performance.now() - withinMs;
  }

  all(): Iterable<readonly [InstanceId, KnownInstance['state']]> {
    return this.states;
  }

  /** Undefined: it has no record. */
  stateOf(instanceId: InstanceId): KnownInstance['state'] | undefined {
    return this.states.get(instanceId);
  }

  /** Forgets those that have been gone for long, and the first ones of too many. Returns them. */
  forgetGone(): InstanceId[] {
    const before = performance.now() - GONE_KEPT_MS;
    const forgotten: InstanceId[] = [];
    for (const [id, { at }] of this.gone) {
      const areTooMany = this.gone.size > MAX_GONE || this.goneLanes > MAX_GONE_LANES;
      if (at >= before && !areTooMany) continue;
      if (areTooMany) {
        this.reporter.report(
          'member.too-many',
          () => `instance ${id} has ended, and is forgotten early`,
        );
        this.forgotAt = performance.now();
      }
      this.keepNoMore(id);
      this.states.delete(id);
      this.positions.forget(id);
      forgotten.push(id);
    }
    return forgotten;
  }

  private keepNoMore(id: InstanceId): { readonly at: number } | undefined {
    const gone = this.gone.get(id);
    this.gone.delete(id);
    this.goneLanes -= gone?.lanes ?? 0;
    return gone;
  }
}
