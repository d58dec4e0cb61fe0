import type fc from 'fast-check';

/** Instances, each in a place of its own. */
export interface Places<I> {
  readonly slots: readonly (I | undefined)[];
}

/** Something that happens to a cluster, or to one of its instances. It knows how to be shown, for a failure to be read. */
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

/** Of an instance that lives and, unless told otherwise, does not stand still. */
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

/** Of the cluster as a whole. */
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
