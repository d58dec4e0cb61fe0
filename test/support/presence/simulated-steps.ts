import * as fc from 'fast-check';
import type { SimulatedCluster } from './simulated-cluster.js';
import type { SimulatedInstance } from './simulated-instance.js';
import { ofAll, ofInstance, wait, type Step } from './step.js';

type ClusterStep = Step<SimulatedCluster>;
type Work = (instance: SimulatedInstance, cluster: SimulatedCluster, slot: number) => unknown;

const EVEN_FROZEN = { evenFrozen: true };

export interface StepOptions {
  readonly slots: number;
  readonly users: readonly string[];
  readonly graceMs: number;
  readonly leaseMs: number;
}

/** All possible steps; usual ones are more frequent. */
export function simulatedSteps(options: StepOptions): fc.Arbitrary<ClusterStep> {
  const { slots, graceMs, leaseMs } = options;
  const moments = [0, 1, 2, 5, 10, 20, graceMs - 5, graceMs, graceMs + 5, 2 * graceMs];
  return fc.oneof(
    ...usual(options),
    ...faults(options),
    {
      weight: 32,
      arbitrary: fc
        .constantFrom(...moments, leaseMs / 2, leaseMs + 20)
        .map((ms): ClusterStep => wait(ms)),
    },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.constantFrom(0, 2, 20, graceMs), { minLength: slots, maxLength: slots })
        .map((after): ClusterStep =>
          ofAll(
            `restart ${after.join()}`,
            (cluster) => cluster.restart(after),
            ({ living }) => living.length > 0,
          ),
        ),
    },
    { weight: 1, arbitrary: fc.constant<ClusterStep>(ofAll('rest', (cluster) => cluster.rest())) },
  );
}

/** Steps of users who connect and disconnect. */
function usual({ slots, users }: StepOptions) {
  const of = (weight: number, shown: string, work: (user: string) => Work) => ({
    weight,
    arbitrary: fc
      .tuple(fc.nat({ max: slots - 1 }), fc.constantFrom(...users))
      .map(([slot, user]): ClusterStep => ofInstance(slot, `${shown} ${user}`, work(user))),
  });
  return [
    of(28, 'connect', (user) => (instance) => instance.connect(user)),
    of(24, 'disconnect', (user) => (instance) => instance.disconnect(user)),
    of(6, 'visit', (user) => (instance) => {
      instance.connect(user);
      instance.disconnect(user);
    }),
    of(6, 'reconnect', (user) => (instance) => {
      if (instance.socketsOf(user) === 0) return;
      instance.disconnect(user);
      instance.connect(user);
    }),
    of(6, 'move', (user) => (instance, { living }) => {
      const next = living.find((other) => other !== instance && !other.isFrozen);
      if (instance.socketsOf(user) === 0 || next === undefined) return;
      instance.disconnect(user);
      next.connect(user);
    }),
  ];
}

/** Faults of an instance or of its connection to Redis. */
function faults({ slots }: StepOptions) {
  const at = fc.nat({ max: slots - 1 });
  const of = <T>(
    weight: number,
    value: fc.Arbitrary<T>,
    step: (slot: number, of: T) => ClusterStep,
  ) => ({
    weight,
    arbitrary: fc.tuple(at, value).map(([slot, chosen]) => step(slot, chosen)),
  });
  const plain = (weight: number, shown: string, work: Work, even = {}) =>
    of(weight, fc.constant(undefined), (slot) => ofInstance(slot, shown, work, even));
  const few = fc.integer({ min: 1, max: 4 });
  return [
    of(8, fc.constant(undefined), (slot) =>
      ofAll(
        `start@${slot}`,
        (cluster) => cluster.start(slot),
        (cluster) => cluster.slots[slot] === undefined,
      ),
    ),
    plain(2, 'crash', (_, cluster, slot) => cluster.crash(slot), EVEN_FROZEN),
    plain(2, 'close', (_, cluster, slot) => cluster.close(slot)),
    plain(2, 'freeze', (instance) => instance.freeze()),
    plain(5, 'thaw', (instance) => instance.thaw(), EVEN_FROZEN),
    of(2, fc.boolean(), (slot, late) =>
      ofInstance(
        slot,
        `cut${late ? ' late' : ''}`,
        (instance: SimulatedInstance) => instance.cut(late),
        EVEN_FROZEN,
      ),
    ),
    of(6, fc.constantFrom(0, 1, 3, 10), (slot, gapMs) =>
      ofInstance(
        slot,
        `mend ${gapMs}`,
        (instance: SimulatedInstance, cluster: SimulatedCluster) => {
          if (instance.isCutOff) cluster.mend(instance, gapMs);
        },
        EVEN_FROZEN,
      ),
    ),
    of(2, fc.constantFrom(0, 0, 2, 10, 30), (slot, ms) =>
      ofInstance(
        slot,
        `lag ${ms}`,
        ({ link }: SimulatedInstance) => {
          link.delayMs = ms;
        },
        EVEN_FROZEN,
      ),
    ),
    of(2, few, (slot, count) =>
      ofInstance(
        slot,
        `lose calls ${count}`,
        ({ link }: SimulatedInstance) => link.loseCalls(count),
        EVEN_FROZEN,
      ),
    ),
    of(2, few, (slot, count) =>
      ofInstance(
        slot,
        `lose answers ${count}`,
        ({ link }: SimulatedInstance) => link.loseAnswers(count),
        EVEN_FROZEN,
      ),
    ),
  ];
}
