import type fc from 'fast-check';

/** Instances by their place in the cluster. */
export interface Places<I> {
  readonly slots: readonly (I | undefined)[];
}

/** A step of a history: it changes a cluster or one of its instances, and can be printed in a failure message. */
export class Step<C extends object> implements fc.AsyncCommand<C, C> {
  constructor(
    private readonly shown: string,
    private readonly applies: (cluster: C) => boolean,
    private readonly work: (cluster: C) => unknown,
  ) {}

  check(cluster: Readonly<C>): boolean {
    return this.applies(cluster);
  }

  async run(cluster: C): Promise<void> {
    await this.work(cluster);
  }

  toString(): string {
    return this.shown;
  }
}

/** A step of a running instance that is not frozen, unless stated otherwise. */
export function ofInstance<I extends { readonly isFrozen: boolean }, C extends Places<I>>(
  slot: number,
  shown: string,
  work: (instance: I, cluster: C, slot: number) => unknown,
  { evenFrozen = false } = {},
): Step<C> {
  return new Step(
    `${shown}@${slot}`,
    ({ slots }) => {
      const instance = slots[slot];
      return instance !== undefined && (evenFrozen || !instance.isFrozen);
    },
    (cluster) => {
      const instance = cluster.slots[slot];
      return instance && work(instance, cluster, slot);
    },
  );
}

/** A step of the cluster as a whole. */
export function ofAll<C extends object>(
  shown: string,
  work: (cluster: C) => unknown,
  applies: (cluster: C) => boolean = () => true,
): Step<C> {
  return new Step(shown, applies, work);
}

export function wait<C extends object>(ms: number): Step<C> {
  return ofAll(`wait ${ms}`, () => new Promise((resolve) => setTimeout(resolve, ms)));
}
