import fc from 'fast-check';
import type { SimulatedCluster } from './simulated-cluster.js';
import type { SimulatedInstance } from './simulated-instance.js';

type Work = (cluster: SimulatedCluster, instance: SimulatedInstance, slot: number) => unknown;

/** Something that happens to a cluster, or to one of its instances. It knows how to be shown, for a failure to be read. */
class Step implements fc.AsyncCommand<SimulatedCluster, SimulatedCluster> {
  constructor(
    private readonly shown: string,
    private readonly applies: (cluster: Readonly<SimulatedCluster>) => boolean,
    private readonly work: (cluster: SimulatedCluster) => unknown,
  ) {}

  check(cluster: Readonly<SimulatedCluster>): boolean {
    return this.applies(cluster);
  }

  async run(cluster: SimulatedCluster): Promise<void> {
    await this.work(cluster);
  }

  toString(): string {
    return this.shown;
  }
}

/** Of an instance that lives and does not stand still: only such a one sees its sockets come and go. */
function ofInstance(slot: number, shown: string, work: Work, evenFrozen = false): Step {
  return new Step(
    `${shown}@${slot}`,
    ({ slots }) => {
      const instance = slots[slot];
      return instance !== undefined && (evenFrozen || !instance.isFrozen);
    },
    (cluster) => {
      const instance = cluster.slots[slot];
      if (instance !== undefined) return work(cluster, instance, slot);
    },
  );
}

export interface StepOptions {
  readonly slots: number;
  readonly users: readonly string[];
  readonly graceMs: number;
  readonly leaseMs: number;
}

/** Everything that may happen, the usual more often. */
export function steps({ slots, users, graceMs, leaseMs }: StepOptions): fc.Arbitrary<Step> {
  const slot = fc.nat({ max: slots - 1 });
  const user = fc.constantFrom(...users);
  const short = fc.constantFrom(0, 1, 3, 10);
  const few = fc.integer({ min: 1, max: 4 });
  const of = <T>(
    weight: number,
    arbitrary: fc.Arbitrary<T>,
    step: (slot: number, value: T) => Step,
  ) => ({ weight, arbitrary: fc.tuple(slot, arbitrary).map(([at, value]) => step(at, value)) });
  const nothing = fc.constant(undefined);
  return fc.oneof(
    of(28, user, (at, name) =>
      ofInstance(at, `connect ${name}`, (_, instance) => instance.connect(name)),
    ),
    of(24, user, (at, name) =>
      ofInstance(at, `disconnect ${name}`, (_, instance) => instance.disconnect(name)),
    ),
    of(6, user, (at, name) =>
      ofInstance(at, `visit ${name}`, (_, instance) => {
        instance.connect(name);
        instance.disconnect(name);
      }),
    ),
    of(6, user, (at, name) =>
      ofInstance(at, `reconnect ${name}`, (_, instance) => {
        if (instance.socketsOf(name) === 0) return;
        instance.disconnect(name);
        instance.connect(name);
      }),
    ),
    of(6, user, (at, name) =>
      ofInstance(at, `move ${name}`, ({ living }, instance) => {
        const next = living.find((other) => other !== instance && !other.isFrozen);
        if (instance.socketsOf(name) === 0 || next === undefined) return;
        instance.disconnect(name);
        next.connect(name);
      }),
    ),
    {
      weight: 32,
      arbitrary: fc
        .constantFrom(
          0,
          1,
          2,
          5,
          10,
          20,
          graceMs - 5,
          graceMs,
          graceMs + 5,
          2 * graceMs,
          leaseMs / 2,
          leaseMs + 20,
        )
        .map((ms) => wait(ms)),
    },
    of(
      8,
      nothing,
      (at) =>
        new Step(
          `start@${at}`,
          (c) => c.slots[at] === undefined,
          (c) => c.start(at),
        ),
    ),
    of(2, nothing, (at) =>
      ofInstance(at, 'crash', (cluster, _, where) => cluster.crash(where), true),
    ),
    of(2, nothing, (at) => ofInstance(at, 'close', (cluster, _, where) => cluster.close(where))),
    of(2, nothing, (at) => ofInstance(at, 'freeze', (_, instance) => instance.freeze())),
    of(5, nothing, (at) => ofInstance(at, 'thaw', (_, instance) => instance.thaw(), true)),
    of(2, fc.boolean(), (at, late) =>
      ofInstance(at, `cut${late ? ' late' : ''}`, (_, instance) => instance.cut(late), true),
    ),
    of(6, short, (at, gap) =>
      ofInstance(
        at,
        `mend ${gap}`,
        (cluster, instance) => {
          if (instance.isCutOff) cluster.mend(instance, gap);
        },
        true,
      ),
    ),
    of(2, fc.constantFrom(0, 0, 2, 10, 30), (at, ms) =>
      ofInstance(
        at,
        `lag ${ms}`,
        (_, instance) => {
          instance.link.delayMs = ms;
        },
        true,
      ),
    ),
    of(2, few, (at, count) =>
      ofInstance(at, `lose calls ${count}`, (_, instance) => instance.link.loseCalls(count), true),
    ),
    of(2, few, (at, count) =>
      ofInstance(
        at,
        `lose answers ${count}`,
        (_, instance) => instance.link.loseAnswers(count),
        true,
      ),
    ),
    {
      weight: 1,
      arbitrary: fc
        .array(fc.constantFrom(0, 2, 20, graceMs), { minLength: slots, maxLength: slots })
        .map(
          (after) =>
            new Step(
              `restart ${after.join()}`,
              ({ living }) => living.length > 0,
              (cluster) => cluster.restart(after),
            ),
        ),
    },
    {
      weight: 1,
      arbitrary: fc.constant(
        new Step(
          'rest',
          () => true,
          (cluster) => cluster.rest(),
        ),
      ),
    },
  );
}

function wait(ms: number): Step {
  const work = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  return new Step(`wait ${ms}`, () => true, work);
}
